"""Small fleet documents, and a world with the sync of them."""
