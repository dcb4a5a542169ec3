"""Usage in the APIs."""
