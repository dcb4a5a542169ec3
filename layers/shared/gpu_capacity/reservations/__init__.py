"""Reservations: runs of whole, contiguous domains of one pod, with servers on all of their hosts."""
