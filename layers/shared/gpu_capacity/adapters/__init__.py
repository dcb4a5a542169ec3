"""Implementations of the ports with AWS services and the operating system."""
