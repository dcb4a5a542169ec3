"""A real Ironic with fake hardware, and a proxy in front of it that tests can make fail."""
