"""Where a request goes. Pure and deterministic: standard library only, no clock, no randomness of its own."""
