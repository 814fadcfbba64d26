"""Columns to vectors, one feature a file; layers only, which know no tower and no task."""
