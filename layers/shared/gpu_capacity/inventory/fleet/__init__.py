"""The fleet document: its schema, its source, what it changes, and when it must not be applied."""
