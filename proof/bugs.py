"""Every bug that is planted.

They are typical mistakes of this kind of software: a missing condition, check-then-act, a missing undo, one
fault mistaken for another. A simulation that does not find them proves nothing.
"""

from __future__ import annotations

from typing import Final

from proof import (
    bugs_of_all_kinds,
    bugs_of_audits,
    bugs_of_bookings,
    bugs_of_maintenances,
    bugs_of_moves,
    bugs_of_placements,
    bugs_of_promises,
    bugs_of_reservations,
    bugs_of_unit_releases,
    bugs_of_vms,
)

BUGS: Final = (
    *bugs_of_reservations.BUGS,
    *bugs_of_bookings.BUGS,
    *bugs_of_unit_releases.BUGS,
    *bugs_of_moves.BUGS,
    *bugs_of_all_kinds.BUGS,
    *bugs_of_placements.BUGS,
    *bugs_of_vms.BUGS,
    *bugs_of_maintenances.BUGS,
    *bugs_of_promises.BUGS,
    *bugs_of_audits.BUGS,
)
