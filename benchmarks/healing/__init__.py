"""Part "healing": hosts fail, and what becomes of what stands on them."""
