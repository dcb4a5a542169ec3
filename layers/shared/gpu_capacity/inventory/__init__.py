"""The hardware: regions, flavors, pods, domains and hosts, who owns them, and how both are stored."""
