"""Chooses the hardware for a request. Pure and deterministic: standard library only, no clock, no
randomness."""
