"""A world with VM nodes, and an engine that runs the state machines of its VMs."""
