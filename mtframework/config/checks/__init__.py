"""What check looks for before anything is read, one kind of mistake a file."""
