"""Fetches, checks and caches MovieLens 100K for its registered source."""
