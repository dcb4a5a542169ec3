"""GPU capacity: topology, placement, atomic claims and lifecycles on one inventory."""

API_NAME = "gpu-capacity-reservation"
API_VERSION = "0.5.0"
