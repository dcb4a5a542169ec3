"""What there is: regions, flavors, pods, domains and hosts, who owns them, and where that is stored."""
