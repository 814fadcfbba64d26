"""From a trained model to recommendations, in Python and as a SavedModel; trains nothing."""
