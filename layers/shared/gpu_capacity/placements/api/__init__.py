"""Placements as the Reservation API shows them: bodies and replies."""
