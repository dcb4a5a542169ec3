"""What owns capacity, and how it lives. Pure: standard library only."""
