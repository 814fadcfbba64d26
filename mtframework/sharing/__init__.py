"""What stands between towers and heads, one sharing layer a file; no task and no loss."""
