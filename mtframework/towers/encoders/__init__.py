"""What reads a query's events in order, one causal encoder a file; knows no columns and no task."""
