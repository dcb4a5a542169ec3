"""Chooses the hardware for a request. Pure: standard library only, no clock, no randomness of its own."""
