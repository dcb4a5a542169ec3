"""Placement quality: traces, policies, references, and the replay that compares them."""
