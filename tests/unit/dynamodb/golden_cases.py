"""Every write of a reservation, on a reservation that brings out what is in it.

``python -m tests.unit.dynamodb.golden_cases`` writes the golden files anew; read the difference before you
keep it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.reservation_writes import ReservationWrites
from gpu_capacity.dynamodb.writes import transaction_item
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.reservation import Reservation, Status, Tag
from gpu_capacity.placement.model import Placement
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION
from tests.unit.holders.reservations import reservation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.dynamodb.writes import Action

FOLDER: Final = Path(__file__).parents[1] / "golden"
NOW: Final = 1_780_000_900
QUOTA: Final = Quota(ORGANIZATION, "GB300", limit=10, used=4)
PLACEMENT: Final = Placement("pod1", 2, 3)
WRITES: Final = ReservationWrites(INVENTORY, HOLDERS)


@dataclass(frozen=True, slots=True)
class Case:
    """A write, the record that it meets, and what the transaction consists of.

    ``met`` is ``None`` where the record is not there yet. ``repeatable`` tells whether the same write, sent
    again at once, commits again.
    """

    actions: Sequence[Action]
    met: Reservation | None
    repeatable: bool = False


def _case(write: Action | list[Action], met: Reservation | None, *, repeatable: bool = False) -> Case:
    return Case(write if isinstance(write, list) else [write], met, repeatable)


def cases() -> dict[str, Case]:
    """By name of the golden file."""
    pending = reservation(description="for training", tags=(Tag("workload", "training"),))
    counted = reservation(counted=True)
    provisioning = reservation(status=Status.PROVISIONING, deadline=1_780_001_500)
    undoing = reservation(status=Status.PROVISIONING, failure="a server failed")
    undoing_counted = reservation(status=Status.PROVISIONING, failure="a server failed", counted=True)
    going = reservation(status=Status.DEPROVISIONING, deleted_at=NOW)
    going_keyed = reservation(status=Status.DEPROVISIONING, deleted_at=NOW, keyed=True)
    going_counted = reservation(status=Status.DEPROVISIONING, deleted_at=NOW, counted=True)
    released = reservation(
        status=Status.DEPROVISIONING, deleted_at=NOW, placement=None, topology_hash=None, failure="x"
    )
    return {
        "accept": _case(WRITES.accept(pending, 7, None), None),
        "accept_counted": _case(WRITES.accept(counted, 7, QUOTA), None),
        "begin": _case(WRITES.begin(pending, 1_780_001_500), pending),
        "complete": _case(WRITES.complete(provisioning), provisioning),
        "abandon": _case(WRITES.abandon(provisioning, "a server failed"), provisioning, repeatable=True),
        "fail": _case(WRITES.fail(undoing, PLACEMENT), undoing),
        "fail_counted": _case(WRITES.fail(undoing_counted, PLACEMENT), undoing_counted),
        "mark_deleted": _case(WRITES.mark_deleted(pending, NOW), pending),
        "remove": _case(WRITES.remove(going, NOW), going),
        "remove_keyed": _case(WRITES.remove(going_keyed, NOW), going_keyed),
        "remove_counted": _case(WRITES.remove(going_counted, NOW), going_counted),
        "remove_released": _case(WRITES.remove(released, NOW), released),
        "count_in": _case(WRITES.count_in(pending), pending),
        "next_attempt": _case(WRITES.next_attempt(pending, NOW), pending),
    }


def as_json(actions: Sequence[Action]) -> str:
    """What is sent, readable: binary values in hexadecimal digits."""
    plain = [transaction_item(action) | {"label": action.label} for action in actions]
    return json.dumps(plain, indent=2, sort_keys=True, default=_hexadecimal) + "\n"


def _hexadecimal(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value)} in a request")
    return value.hex()


if __name__ == "__main__":
    for name, case in cases().items():
        (FOLDER / f"{name}.json").write_text(as_json(case.actions))
