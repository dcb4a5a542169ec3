"""Implementations of the ports over AWS and the operating system."""
