"""From an experiment to a trained model and its run folder; no command line and no Gin."""
