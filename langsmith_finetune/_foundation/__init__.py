"""What every room may use: files that appear whole, exact JSON, masking, retries. Nothing of it is public."""
