"""POST /api/v2/reservations/{reservationID}/units/release: decided at once, done by a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import SAMPLE_ID

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


def _release(stage: Stage) -> Answer:
    return stage.request_event("release_reservation_units", "released")


def test_the_tag_of_the_answer_is_that_of_the_next_release(stage: Stage) -> None:
    arrangements.provisioned_of_old(stage)
    event = sample_events.read("release_reservation_units", "released")
    first = sample_events.body_of(event)["spec"]["unitIds"]
    answer = _release(stage)

    shown = stage.request_event("get_reservation", "found").json
    assert answer.headers["etag"] == f'"{shown["status"]["topologyHash"]}"'
    assert answer.json["reservation"] == shown
    assert [unit["id"] for unit in answer.json["releasedUnits"]] == first
    assert (shown["spec"]["count"], shown["status"]["claimedUnitCount"]) == (2, 1)
    detail = shown["metadata"]["provisioningStatusDetail"]
    assert detail["reason"] == "Provisioned"
    assert detail["message"].endswith("; 1 released unit will be free in a moment")


def test_a_repeat_after_a_lost_answer_is_refused_as_stale(stage: Stage) -> None:
    arrangements.provisioned_of_old(stage)
    _release(stage)
    before = stage.db.dump()

    answer = _release(stage)

    assert (answer.status, answer.json["error"]) == (412, "conflict")
    assert stage.db.dump() == before


def test_a_release_starts_the_workflow_that_frees_the_units(stage: Stage) -> None:
    arrangements.provisioned_of_old(stage)
    _release(stage)

    assert stage.step_functions.names()[-1].startswith(f"release-{SAMPLE_ID}-")


def test_the_units_can_be_reserved_again_when_the_workflow_has_freed_them(stage: Stage) -> None:
    arrangements.provisioned_of_old(stage)
    assert stage.request("create_reservation", arrangements.wish(count=2)).status == 507
    _release(stage)
    step = dict(arrangements.STEP)

    assert stage.run_step("release_reservation", step)["outcome"] == "waiting"
    stage.clock.advance(60)
    assert stage.run_step("release_reservation", step)["outcome"] == "done"

    assert stage.request("create_reservation", arrangements.wish(count=2)).status == 202
