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
    _outcome("begin_provisioning", given.reserved, "proceed"),
    _outcome("begin_provisioning", given.begun, "proceed"),
    _outcome("begin_provisioning", given.abandoned, "undo"),
    _outcome("begin_provisioning", given.deleted_at_once, "superseded"),
    _outcome("begin_provisioning_gone", given.reserved, "superseded"),
    _outcome("pin_unit_servers_first_unit", given.begun, "pinned"),
    _outcome("pin_unit_servers_first_unit", given.pinned, "pinned"),
    _outcome("pin_unit_servers_first_unit", given.abandoned, "fenced"),
    _outcome("pin_unit_servers_first_unit", given.deleted_at_once, "fenced"),
    _outcome("pin_unit_servers_unit_of_others", given.begun, "failed"),
    _outcome("pin_unit_servers_gone", given.begun, "fenced"),
    _outcome("check_servers", given.pinned, "waiting"),
    _outcome("check_servers", given.up, "ready"),
    _outcome("check_servers", given.abandoned, "superseded"),
    _outcome("check_servers_gone", given.pinned, "superseded"),
    _outcome("complete_provisioning", given.up, "provisioned"),
    _outcome("complete_provisioning", given.provisioned, "provisioned"),
    _outcome("complete_provisioning", given.deleted, "superseded"),
    _outcome("complete_provisioning_gone", given.up, "superseded"),
    _outcome("abandon_provisioning_server_failed", given.pinned, "undo"),
    _outcome("abandon_provisioning_server_failed", given.abandoned, "undo"),
    _outcome("abandon_provisioning_server_failed", given.deleted, "superseded"),
    _outcome("abandon_provisioning_gone", given.pinned, "superseded"),
    _outcome("fail_provisioning", given.abandoned, "waiting"),
    _outcome("fail_provisioning", given.abandoned_and_swept, "failed"),
    _outcome("fail_provisioning", given.failed, "superseded"),
    _outcome("fail_provisioning_gone", given.abandoned_and_swept, "superseded"),
)

_DEPROVISIONING: Final = (
    _outcome("begin_deprovisioning", given.deleted, "proceed"),
    _outcome("begin_deprovisioning", given.deleted_at_once, "proceed"),
    _outcome("begin_deprovisioning", given.provisioned, "superseded"),
    _outcome("begin_deprovisioning_gone", given.deleted, "superseded"),
    _outcome("delete_unit_servers_first_unit", given.deleted, "deleting"),
    _outcome("delete_unit_servers_first_unit", given.abandoned, "deleting"),
    _outcome("delete_unit_servers_first_unit", given.provisioned, "superseded"),
    _outcome("delete_unit_servers_unit_of_others", given.deleted, "deleting"),
    _outcome("delete_unit_servers_gone", given.deleted, "superseded"),
    _outcome("sweep_servers", given.deleted, "waiting"),
    _outcome("sweep_servers", given.deleted_and_swept, "clear"),
    _outcome("sweep_servers", given.provisioned, "superseded"),
    _outcome("sweep_servers_gone", given.deleted, "superseded"),
    _outcome("complete_deprovisioning", given.deleted, "waiting"),
    _outcome("complete_deprovisioning", given.deleted_and_swept, "gone"),
    _outcome("complete_deprovisioning", given.gone, "gone"),
    _outcome("complete_deprovisioning", given.provisioned, "superseded"),
    _outcome("complete_deprovisioning_gone", given.deleted, "gone"),
)


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

TASK_CASES: Final = (*_PROVISIONING, *_DEPROVISIONING, *_PLACEMENTS, *_SCHEDULES)
