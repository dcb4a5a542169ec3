"""GPU capacity: one inventory of hardware, sold as reservations, capacity claims and VMs."""

import gc

# This runs before a function imports anything else. Objects made by imports live as long as the process, so
# garbage collection during imports frees almost nothing and takes a seventh of a cold start (decision 27).
# The imports of one function make some 80,000 objects. Its first invocation sets the threshold that applies
# from then on.
GARBAGE_THRESHOLD_OF_IMPORTS = 250_000
gc.set_threshold(GARBAGE_THRESHOLD_OF_IMPORTS)

API_NAME = "gpu-capacity-reservation"
API_VERSION = "0.5.0"
