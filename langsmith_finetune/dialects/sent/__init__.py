"""What a package between the application and the provider changes: a run holds what it was given."""
