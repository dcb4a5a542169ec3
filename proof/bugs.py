"""Every bug that is planted.

They are the mistakes that this kind of software invites: a condition that is dropped, a check before the
act, an undo that is forgotten, a fault that is taken for another. A simulation that finds none of them
proves nothing.
"""

from __future__ import annotations

from typing import Final

from proof import (
    bugs_of_all_kinds,
    bugs_of_audits,
    bugs_of_bookings,
    bugs_of_promises,
    bugs_of_reservations,
    bugs_of_vms,
)

BUGS: Final = (
    *bugs_of_reservations.BUGS,
    *bugs_of_bookings.BUGS,
    *bugs_of_all_kinds.BUGS,
    *bugs_of_vms.BUGS,
    *bugs_of_promises.BUGS,
    *bugs_of_audits.BUGS,
)
