"""Providers of servers and VMs: each a room of its own, whose items nobody else knows."""
