"""What a column means: schema, vocabularies, encoders."""
