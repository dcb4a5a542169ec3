"""The operators' API: bodies and replies, in the style of the Reservation API."""
