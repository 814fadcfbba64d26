"""From an experiment to a trained model and its run folder."""
