"""The fleet document: its schema, where it comes from, what it changes, and when it must not be applied."""
