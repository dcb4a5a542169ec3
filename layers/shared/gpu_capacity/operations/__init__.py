"""What operators do with the whole service."""
