"""Rows read from files block by block, as often as they are needed; nothing is held."""
