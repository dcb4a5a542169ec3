"""Small fleet documents, and a world that synchronizes them."""
