"""The deployed state machines, run by an interpreter with faults."""
