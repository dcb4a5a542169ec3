"""The reservations API: bodies, replies and errors."""
