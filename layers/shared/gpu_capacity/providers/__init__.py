"""Providers of servers on hosts and for VMs, one folder each. Only a provider's own code uses its items."""
