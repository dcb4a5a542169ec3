"""Capacity claims: single hosts over zones in order of preference, in queues where there is no room."""
