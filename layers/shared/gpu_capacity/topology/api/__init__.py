"""The topology as the Reservation API shows it: bodies and replies."""
