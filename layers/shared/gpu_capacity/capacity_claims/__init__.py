"""Capacity claims: single hosts over zones in order of preference, with queues for what is not free yet."""
