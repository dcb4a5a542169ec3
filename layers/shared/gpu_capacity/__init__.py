"""GPU capacity: topology, placement, atomic claims and lifecycles on one inventory."""

import gc
from typing import Final

# This runs before anything else of a function is imported. What imports make stays for good: to look for
# garbage after every few hundred objects finds none, and costs a cold start some of its time (decision 27).
GARBAGE_THRESHOLD: Final = 10_000
gc.set_threshold(GARBAGE_THRESHOLD)

API_NAME = "gpu-capacity-reservation"
API_VERSION = "0.5.0"
