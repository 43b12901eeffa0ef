"""Many examples, one step a file."""
