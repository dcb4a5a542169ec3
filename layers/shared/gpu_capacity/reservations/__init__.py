"""Reservations: contiguous domains of one pod, owned whole, with servers on all of their hosts."""
