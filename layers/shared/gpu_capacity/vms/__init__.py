"""VMs: GPUs of one node, on demand, reserved or interruptible."""
