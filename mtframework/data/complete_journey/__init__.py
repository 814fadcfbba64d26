"""Fetches, checks and cleans The Complete Journey for its source; knows no schema."""
