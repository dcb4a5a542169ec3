"""Placements: servers on hosts of a reservation."""
