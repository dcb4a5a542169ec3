"""The state machines as they are deployed, run by an interpreter, and disturbed."""
