"""Objectives: head, loss and metrics of one kind of feedback each."""
