"""Slices of 8-GPU nodes on a real production trace."""
