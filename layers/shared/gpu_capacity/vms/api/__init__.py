"""The VM API: bodies, replies and errors."""
