"""The expected result of each event file of the workflows and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated

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


def outcome(function: str, event: str, after: Callable[[Stage], None], expected: str) -> TaskCase:
    """A step of a workflow and its outcome."""
    return TaskCase(function, event, after, {"outcome": expected})


_reservation = partial(outcome, "reservation_steps")
_placement = partial(outcome, "placement_steps")


def _synced(after: Callable[[Stage], None], **answer: Any) -> TaskCase:
    return TaskCase("sync_inventory", "scheduled", after, answer)


def _reconciled(after: Callable[[Stage], None], *, unsettled: int, restarted: int) -> TaskCase:
    answer = {"unsettled": unsettled, "restarted": restarted, "overdue": 0}
    return TaskCase("reconcile_holders", "scheduled", after, answer)


def _watched(after: Callable[[Stage], None], *, looked_at: int, amiss: int) -> TaskCase:
    answer = {"looked_at": looked_at, "amiss": amiss, "unowned": 0, "complete": True}
    return TaskCase("watch_providers", "scheduled", after, answer)


def _maintained(after: Callable[[Stage], None], *, active: int, hosts: int) -> TaskCase:
    answer = {"active": active, "hosts": hosts, "left_out": 0}
    return TaskCase("run_maintenances", "scheduled", after, answer)


TASK_CASES: Final = (
    TaskCase("publish_events", "changed", given.inventory, {"batchItemFailures": []}),
    TaskCase("publish_events", "unreadable", given.inventory, {"batchItemFailures": []}),
    _reservation("provision_reservation", given.reserved, "waiting"),
    _reservation("provision_reservation", given.begun, "waiting"),
    _reservation("provision_reservation", given.up, "done"),
    _reservation("provision_reservation", given.provisioned, "superseded"),
    _reservation("provision_reservation", given.abandoned, "waiting"),
    _reservation("provision_reservation", given.abandoned_and_swept, "done"),
    _reservation("provision_reservation", given.failed, "superseded"),
    _reservation("provision_reservation", given.deleted_at_once, "superseded"),
    _reservation("provision_reservation_gone", given.reserved, "superseded"),
    _reservation("release_reservation", given.deleted, "waiting"),
    _reservation("release_reservation", given.placed_and_deleted, "waiting"),
    _reservation("release_reservation", given.deleted_at_once, "done"),
    _reservation("release_reservation", given.deleted_and_swept, "done"),
    _reservation("release_reservation", given.gone, "done"),
    _reservation("release_reservation", given.provisioned, "superseded"),
    _reservation("release_reservation_gone", given.deleted, "done"),
    # A step of an earlier version, which its executions still ask for.
    _reservation("check_servers", given.begun, "superseded"),
    _placement("settle_placement", given.placed, "waiting"),
    _placement("settle_placement", given.deployed, "waiting"),
    _placement("settle_placement", given.servers_up, "done"),
    _placement("settle_placement", given.displaced, "waiting"),
    _placement("settle_placement_gone", given.placed, "done"),
    _watched(given.provisioned, looked_at=3, amiss=0),
    _watched(given.servers_up, looked_at=4, amiss=0),
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
    _maintained(given.sample, active=0, hosts=0),
    _maintained(operated.maintenance_planned, active=1, hosts=0),
    _maintained(operated.maintenance_open, active=1, hosts=36),
)
