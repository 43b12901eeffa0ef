"""What an example is, and where it came from."""
