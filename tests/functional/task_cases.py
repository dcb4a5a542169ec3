"""The expected result of each event file of the workflows and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from testkit.handlers import arrangements as given

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Stage


@dataclass(frozen=True)
class TaskCase:
    """An event file, the state before it, and the part of its result that is checked."""

    function: str
    event: str
    after: Callable[[Stage], None]
    answer: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.function}/{self.event}-after-{self.after.__name__}"


def _outcome(event: str, after: Callable[[Stage], None], outcome: str) -> TaskCase:
    return TaskCase("reservation_steps", event, after, {"outcome": outcome})


_PROVISIONING: Final = (
    _outcome("provision_reservation", given.reserved, "waiting"),
    _outcome("provision_reservation", given.begun, "waiting"),
    _outcome("provision_reservation", given.up, "done"),
    _outcome("provision_reservation", given.provisioned, "superseded"),
    _outcome("provision_reservation", given.abandoned, "waiting"),
    _outcome("provision_reservation", given.abandoned_and_swept, "done"),
    _outcome("provision_reservation", given.failed, "superseded"),
    _outcome("provision_reservation", given.deleted_at_once, "superseded"),
    _outcome("provision_reservation_gone", given.reserved, "superseded"),
)

_DEPROVISIONING: Final = (
    _outcome("release_reservation", given.deleted, "waiting"),
    _outcome("release_reservation", given.placed_and_deleted, "waiting"),
    _outcome("release_reservation", given.deleted_at_once, "done"),
    _outcome("release_reservation", given.deleted_and_swept, "done"),
    _outcome("release_reservation", given.gone, "done"),
    _outcome("release_reservation", given.provisioned, "superseded"),
    _outcome("release_reservation_gone", given.deleted, "done"),
)

_OF_EARLIER_VERSIONS: Final = (_outcome("check_servers", given.begun, "superseded"),)


def _settled(event: str, after: Callable[[Stage], None], outcome: str) -> TaskCase:
    return TaskCase("placement_steps", event, after, {"outcome": outcome})


_PLACEMENTS: Final = (
    _settled("settle_placement", given.placed, "waiting"),
    _settled("settle_placement", given.deployed, "waiting"),
    _settled("settle_placement", given.servers_up, "done"),
    _settled("settle_placement", given.displaced, "waiting"),
    _settled("settle_placement_gone", given.placed, "done"),
)


def _synced(after: Callable[[Stage], None], **answer: Any) -> TaskCase:
    return TaskCase("sync_inventory", "scheduled", after, answer)


def _reconciled(after: Callable[[Stage], None], *, unsettled: int, restarted: int) -> TaskCase:
    answer = {"unsettled": unsettled, "restarted": restarted, "overdue": 0}
    return TaskCase("reconcile_holders", "scheduled", after, answer)


_SCHEDULES: Final = (
    _synced(given.published, sequence=1, refused=None),
    _synced(given.published_again, sequence=1, refused=None),
    _synced(given.published_half_empty, sequence=2, refused=None),
    _synced(given.published_without_a_region, sequence=2, refused=None),
    _synced(given.published_late, sequence=None, refused="outdated"),
    _synced(given.unpublished, sequence=None, refused="unreachable"),
    _reconciled(given.unpublished, unsettled=0, restarted=0),
    # The sample tenant's two and the one of the events.
    _reconciled(given.left_alone, unsettled=3, restarted=3),
    _reconciled(given.crashed, unsettled=3, restarted=3),
    _reconciled(given.running, unsettled=3, restarted=0),
    _reconciled(given.claimant_died, unsettled=1, restarted=1),
)

TASK_CASES: Final = (
    *_PROVISIONING,
    *_DEPROVISIONING,
    *_OF_EARLIER_VERSIONS,
    *_PLACEMENTS,
    *_SCHEDULES,
)
