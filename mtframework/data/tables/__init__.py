"""Tables are read, checked, rejected, guessed and written here; nothing is learned."""
