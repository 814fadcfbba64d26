"""What a column means: schema, vocabularies, encoding and the catalogue; no layers."""
