"""Other allocators on the same trace: Slurm and OpenStack Placement, each in its own environment."""
