"""A provider that exists only in the servers table: a region of hosts, and VMs on them."""
