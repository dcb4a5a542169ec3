"""Runs every function over everything that its tests know, and records the permissions that it needs.

What the event files do not reach (quotas, races, retries) is added here, so that a permission that is granted
and never needed is found as well as a missing one.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.reservations.provisioning import abandon_provisioning
from gpu_capacity.runtime import composition
from testkit.dynamodb import internal_error
from testkit.handlers import arrangements as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import SETTLE, STEP
from testkit.handlers.sample_events import SAMPLE_ID
from testkit.handlers.stage import Stage
from testkit.world import ORGANIZATION, set_quota
from tests.functional.api_cases import API_CASES
from tests.functional.task_cases import TASK_CASES
from tests.template import (
    exercise_claims,
    exercise_maintenances,
    exercise_operators,
    exercise_repairs,
    exercise_vm_lives,
    exercise_vms,
    exercise_watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.aws import Access


def record() -> dict[str, set[Access]]:
    """The permissions that each function used, by function."""
    used: dict[str, set[Access]] = {}
    api: list[Callable[[Stage], Any]] = [_api(case) for case in API_CASES]
    tasks: list[Callable[[Stage], Any]] = [_task(case) for case in TASK_CASES]
    lives: tuple[Callable[[Stage], Any], ...] = (
        *api,
        *tasks,
        *_FURTHER,
        *exercise_claims.LIVES,
        *exercise_maintenances.LIVES,
        *exercise_watch.LIVES,
        *exercise_operators.LIVES,
        *exercise_repairs.LIVES,
    )
    for run in lives:
        with pytest.MonkeyPatch.context() as monkeypatch:
            stage = Stage(monkeypatch)
            run(stage)
            for function, accesses in stage.recorder.used.items():
                used.setdefault(function, set()).update(accesses)
            stage.restart()
    for recorded in chain(exercise_vms.record(), exercise_vm_lives.record()):
        for function, accesses in recorded.items():
            used.setdefault(function, set()).update(accesses)
    return used


def _api(case: Any) -> Callable[[Stage], Any]:
    def run(stage: Stage) -> None:
        case.after(stage)
        stage.request_event(case.function, case.event)

    return run


def _task(case: Any) -> Callable[[Stage], Any]:
    def run(stage: Stage) -> None:
        case.after(stage)
        stage.run_event(case.function, case.event)

    return run


def _counted_from_creation_to_release(stage: Stage) -> None:
    given.inventory(stage)
    given.quota(stage)
    assert stage.request_event("create_reservation", "accepted_with_idempotency_key").status == 202
    assert stage.request_event("delete_reservation", "accepted").status == 202
    assert stage.run_step("release_reservation", dict(STEP))["outcome"] == "done"


def _placed_and_changed_by_environments_that_know_no_region(stage: Stage) -> None:
    given.provisioned(stage)
    set_quota(stage.db, 40, PLACEMENT_SERVERS)
    stage.restart()
    assert stage.request_event("create_placement", "accepted_with_idempotency_key").status == 202
    stage.restart()
    assert stage.request_event("update_placement", "image").status == 200


def _counted_until_it_failed(stage: Stage) -> None:
    given.inventory(stage)
    given.quota(stage)
    assert stage.request_event("create_reservation", "accepted_with_idempotency_key").status == 202
    stage.run_step("provision_reservation", dict(STEP))
    abandon_provisioning(composition.services(), (ORGANIZATION, SAMPLE_ID), "a host is unfit")
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"
    stage.clock.advance(30)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "done"


def _moved_away_from_an_unfit_host(stage: Stage) -> None:
    given.unfit(stage)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "again"
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"
    stage.clock.advance(30)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "done"


def _moved_by_a_step_that_died_before(stage: Stage) -> None:
    given.unfit(stage)
    stage.db.before("update_item", internal_error(), times=None)
    with pytest.raises(StorageUnavailable):
        stage.run_step("provision_reservation", dict(STEP))
    stage.db.calm()
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "again"


def _unfit_where_nothing_else_is_free(stage: Stage) -> None:
    given.unfit(stage)
    while stage.request("create_reservation", given.wish(count=1)).status == 202:
        pass
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"


def _removed_without_a_key(stage: Stage) -> None:
    given.inventory(stage)
    identity = stage.request_event("create_reservation", "full").json["metadata"]["id"]
    path = f"/api/v2/reservations/{identity}"
    event = sample_events.with_path(sample_events.read("delete_reservation", "accepted"), path)
    assert stage.request("delete_reservation", event).status == 202
    assert stage.run_step("release_reservation", STEP | {"reservation": identity})["outcome"] == "done"


def _deleted_by_a_rival_meanwhile(stage: Stage) -> None:
    given.reserved(stage)
    stage.db.before("put_item", lambda *_: stage.request_event("delete_reservation", "accepted"))
    assert stage.request_event("delete_reservation", "accepted").status == 202


def _released_while_counted(stage: Stage) -> None:
    given.quota(stage)
    given.provisioned_of_old(stage)
    stage.restart()
    assert stage.request_event("release_reservation_units", "released").status == 200


def _deleted_by_a_rival_of_a_release(stage: Stage) -> None:
    given.provisioned_of_old(stage)
    stage.db.before("transact_write_items", lambda *_: stage.request_event("delete_reservation", "accepted"))
    assert stage.request_event("release_reservation_units", "released").status == 409


def _refused_for_what_was_booked_a_moment_ago(stage: Stage) -> None:
    given.inventory(stage)
    status = 202
    while status == 202:
        status = stage.request("create_reservation", given.wish(count=3)).status
    assert status == 507


def _teardown_restarted(stage: Stage) -> None:
    given.deleted(stage)
    stage.step_functions.end_all()
    stage.clock.advance(600)
    assert stage.run_event("reconcile_holders", "scheduled")["restarted"] == 3


def _placement_removed(stage: Stage) -> None:
    given.provisioned(stage)
    set_quota(stage.db, 8, PLACEMENT_SERVERS)
    assert stage.request_event("create_placement", "accepted_with_idempotency_key").status == 202
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "waiting"
    assert stage.request_event("delete_placement", "accepted").status == 202
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "waiting"
    stage.clock.advance(60)
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "done"


def _placement_updated(stage: Stage) -> None:
    given.rolling(stage)
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "waiting"


def _failed_server_reconciled(stage: Stage) -> None:
    stage.settings["SIMULATED_BOOT_FAILING_IMAGES"] = "ubuntu-24.04"
    stage.restart()
    given.placed(stage)
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "waiting"
    outcome = ""
    for _ in range(20):
        # Its servers move a few times before the image is to blame.
        stage.clock.advance(60)
        outcome = stage.run_step("settle_placement", dict(SETTLE))["outcome"]
    assert outcome == "done"
    assert stage.request_event("reconcile_placement_server", "accepted").status == 202


def _stopped_server_started(stage: Stage) -> None:
    given.servers_up(stage)
    assert stage.request_event("stop_placement_server", "accepted").status == 202
    stage.clock.advance(60)
    assert stage.request_event("start_placement_server", "accepted").status == 202


def _placement_restarted(stage: Stage) -> None:
    given.placed(stage)
    stage.step_functions.end_all()
    stage.clock.advance(600)
    assert stage.run_event("reconcile_holders", "scheduled")["restarted"] == 3


def _audited(stage: Stage) -> None:
    given.with_a_leak(stage)
    assert stage.run_event("audit_holders", "scheduled")["findings"]


def _audited_with_a_server_of_nobody(stage: Stage) -> None:
    given.with_a_server_of_nobody(stage)
    assert stage.run_event("audit_holders", "scheduled")["findings"]


def _audited_with_a_lost_claim(stage: Stage) -> None:
    given.with_a_lost_claim(stage)
    assert stage.run_event("audit_holders", "scheduled")["findings"]


def _audited_with_a_miscounted_quota(stage: Stage) -> None:
    given.reserved(stage)
    given.quota(stage, limit=80, used=70)
    assert stage.run_event("audit_holders", "scheduled")["findings"]


_FURTHER = (
    _audited,
    _audited_with_a_miscounted_quota,
    _audited_with_a_lost_claim,
    _audited_with_a_server_of_nobody,
    _counted_from_creation_to_release,
    _counted_until_it_failed,
    _moved_away_from_an_unfit_host,
    _moved_by_a_step_that_died_before,
    _unfit_where_nothing_else_is_free,
    _placed_and_changed_by_environments_that_know_no_region,
    _removed_without_a_key,
    _deleted_by_a_rival_meanwhile,
    _released_while_counted,
    _deleted_by_a_rival_of_a_release,
    _refused_for_what_was_booked_a_moment_ago,
    _teardown_restarted,
    _placement_removed,
    _placement_updated,
    _failed_server_reconciled,
    _stopped_server_started,
    _placement_restarted,
)
