"""Other allocators on the same trace: Slurm and OpenStack Placement, each in an environment of its own."""
