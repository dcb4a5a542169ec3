"""A world of VM nodes, and an engine that runs the state machines of its VMs."""
