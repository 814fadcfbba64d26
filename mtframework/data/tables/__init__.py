"""Reads, checks, rejects, guesses and writes tables: one reader for training and serving."""
