"""Fetches, checks and caches MovieLens 100K for its source; knows no schema."""
