"""What a model must beat: the field's simple methods, one a file."""
