"""Invariants of a record's lifecycle: it appears once, follows the lifecycle, and ends only on request.

A reservation that is claiming does not exist yet for its customer. It may disappear without a request, and
its tombstone does not block the id: the same id may appear again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testkit.items import CLAIM, CLAIMING, DESTROYED, GONE, PLACEMENT, RESERVATION, VM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proof.faults import Work
    from testkit.items import Record, RecordKey

BEGINS: Final = {RESERVATION: CLAIMING, CLAIM: "STATUS_CREATING", VM: "creating", PLACEMENT: "pending"}
MOVES: Final[Mapping[str, frozenset[str]]] = {
    "claiming": frozenset({"pending", "gone"}),
    "pending": frozenset({"provisioning", "deprovisioning"}),
    "provisioning": frozenset({"provisioned", "error", "deprovisioning"}),
    "provisioned": frozenset({"deprovisioning"}),
    "error": frozenset({"deprovisioning"}),
    "deprovisioning": frozenset({"gone"}),
    "STATUS_CREATING": frozenset({"STATUS_READY", "STATUS_DELETING"}),
    "STATUS_READY": frozenset({"STATUS_UPDATING", "STATUS_DELETING"}),
    "STATUS_UPDATING": frozenset({"STATUS_READY", "STATUS_DELETING"}),
    "STATUS_DELETING": frozenset({"gone"}),
    "gone": frozenset(),
    "creating": frozenset({"starting", "failed", "destroyed"}),
    "starting": frozenset({"running", "failed", "destroyed"}),
    "running": frozenset({"stopping", "interrupted", "offline", "destroyed"}),
    "stopping": frozenset({"stopped", "destroyed"}),
    "stopped": frozenset({"starting", "offline", "destroyed"}),
    "interrupted": frozenset({"starting", "offline", "destroyed"}),
    "offline": frozenset({"starting", "stopped", "interrupted", "destroyed"}),
    "failed": frozenset({"destroyed"}),
    "destroyed": frozenset(),
}

OF_PLACEMENTS: Final[Mapping[str, frozenset[str]]] = {
    **MOVES,
    # Another image may set the workflow to work again, and so may a customer after a failure.
    "provisioned": frozenset({"provisioning", "deprovisioning"}),
    "error": frozenset({"provisioning", "provisioned", "deprovisioning"}),
}


class MoveRules:
    """Follows records; see ``Ledger`` for the arguments.

    ``existed`` are all holders that ever existed, ``asked_to_end`` those with a request to end them.
    """

    def __init__(self, work: Callable[[], Work | None], tell: Callable[[str], None]) -> None:
        self._work = work
        self._tell = tell
        self.existed: set[RecordKey] = set()
        self.asked_to_end: set[RecordKey] = set()

    def note(self, key: RecordKey, before: Record | None, record: Record | None, *, given: bool) -> None:
        """Note a write of a record; ``given`` if it was stored before the run."""
        if given:
            if record is not None and record.finished and record.status != CLAIMING:
                self.existed.add(key)
        elif before is None or not before.finished:
            self._judge_beginning(key, record)
        else:
            self._judge_move(key, before, record)

    def _judge_beginning(self, key: RecordKey, record: Record | None) -> None:
        if record is None or not record.finished:
            return
        if key in self.existed:
            self._tell(f"{key} existed before and appears again")
        if record.status != BEGINS[record.kind]:
            self._tell(f"{key} begins as {record.status}")
        if record.status != CLAIMING:
            self._note_made(key)

    def _judge_move(self, key: RecordKey, before: Record, record: Record | None) -> None:
        after = record.status if record else GONE
        moves = OF_PLACEMENTS if before.kind == PLACEMENT else MOVES
        if after != before.status and after not in moves[before.status]:
            self._tell(f"{key} went from {before.status} to {after}")
        if before.status == CLAIMING != after and after != GONE:
            self._note_made(key)
        ends = record is None or record.ended or record.status == DESTROYED
        if ends and not before.ended and before.status != CLAIMING and key not in self.asked_to_end:
            self._tell(f"{key} is gone without a request to end it")
        if record is not None and before.revision >= record.revision and not record.ended:
            self._tell(f"{key}: revision {before.revision} became {record.revision}")

    def _note_made(self, key: RecordKey) -> None:
        """A holder exists from now on; until now its record only named what it intends to own."""
        self.existed.add(key)
        if work := self._work():
            work.created.append(key)
            if len(work.created) > 1:
                self._tell(f"one {work.name} created {work.created}")
            if work.denied:
                self._tell(f"{work.name} {work.request} was refused, and {key} was created later")
