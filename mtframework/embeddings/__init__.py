"""Embedding tables whose gradients and updates cost what a batch touches."""
