"""Objectives, one kind of feedback a file: head, loss a row, metrics; nothing is reduced here."""
