"""The fleet document: its schema, where it comes from, and when it must not be applied."""
