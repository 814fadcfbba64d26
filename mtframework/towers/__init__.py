"""From features to embeddings."""
