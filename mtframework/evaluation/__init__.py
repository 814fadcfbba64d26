"""What a trained model is worth: metrics, baselines, intervals, reports; trains nothing."""
