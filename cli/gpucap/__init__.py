"""gpucap, the command line of the GPU capacity reservation service."""
