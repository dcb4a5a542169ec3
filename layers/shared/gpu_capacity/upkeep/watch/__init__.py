"""Compares what holders should have at their providers with what these list, every minute."""
