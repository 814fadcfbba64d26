"""Many trainings of one experiment, to find the settings that serve several tasks best."""
