"""From files to batches: data sets, splits, batches; knows no model."""
