"""What a column means: schema, vocabularies, encoding, the catalogue; no layers, no files."""
