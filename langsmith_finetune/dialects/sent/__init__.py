"""What a package changes between the application and the provider. The run holds what the package was given."""
