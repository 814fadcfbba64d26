"""Methods without training that a model must beat, one a file; they know no model."""
