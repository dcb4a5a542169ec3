"""GPU capacity: topology, placement, atomic claims and lifecycles on one inventory."""

import gc

# This runs before anything else of a function is imported. What imports make stays for good: to look for
# garbage while they run finds next to none and takes a seventh of a cold start (decision 27). All that a
# function imports makes some 80,000 objects; its first invocation sets the threshold of a running function.
GARBAGE_THRESHOLD_OF_IMPORTS = 250_000
gc.set_threshold(GARBAGE_THRESHOLD_OF_IMPORTS)

API_NAME = "gpu-capacity-reservation"
API_VERSION = "0.5.0"
