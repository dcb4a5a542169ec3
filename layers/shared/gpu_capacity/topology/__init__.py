"""The fleet as it is: flavors, offerings, pods, domains and hosts. Pure: standard library only."""
