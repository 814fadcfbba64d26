"""Features to one embedding a row, one tower a file; no task and no loss."""
