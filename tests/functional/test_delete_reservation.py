"""DELETE /api/v2/reservations/{reservationID}: accepted at once, done by a workflow, safe to repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import SAMPLE_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Stage


def _delete(stage: Stage) -> int:
    return stage.request_event("delete_reservation", "accepted").status


def test_the_response_has_no_body(reserved: Stage) -> None:
    answer = reserved.request_event("delete_reservation", "accepted")
    assert (answer.status, answer.text) == (202, "")


def test_a_delete_starts_the_teardown(reserved: Stage) -> None:
    _delete(reserved)
    assert reserved.step_functions.names()[-1].startswith(f"deprovision-{SAMPLE_ID}-")


def test_a_second_delete_is_accepted_and_starts_nothing(reserved: Stage) -> None:
    _delete(reserved)
    before, executions, lines = reserved.db.dump(), reserved.step_functions.names(), len(_audits(reserved))
    units = reserved.db.write_units
    assert _delete(reserved) == 202
    assert reserved.db.dump() == before
    assert reserved.db.write_units == units
    assert reserved.step_functions.names() == executions
    assert len(_audits(reserved)) == lines


def test_the_capacity_is_held_until_the_teardown_is_done(stage: Stage) -> None:
    arrangements.deleted(stage)
    assert stage.request("create_reservation", arrangements.wish(count=2)).status == 507
    stage.run_event("reservation_steps", "release_reservation")
    stage.clock.advance(30)
    assert stage.run_event("reservation_steps", "release_reservation")["outcome"] == "done"
    assert stage.request("create_reservation", arrangements.wish(count=2)).status == 202


def test_after_the_teardown_the_reservation_is_not_found(stage: Stage) -> None:
    arrangements.gone(stage)
    assert stage.request_event("get_reservation", "found").status == 404
    assert stage.request_event("list_reservations", "all").json == []
    assert _delete(stage) == 404


@pytest.mark.parametrize("given", [arrangements.reserved, arrangements.begun, arrangements.failed])
def test_a_delete_overrides_every_other_status(stage: Stage, given: Callable[[Stage], None]) -> None:
    given(stage)
    assert _delete(stage) == 202
    metadata = stage.request_event("get_reservation", "found").json["metadata"]
    assert metadata["provisioningStatus"] == "deprovisioning"


def test_a_workflow_that_cannot_be_started_does_not_fail_the_request(reserved: Stage) -> None:
    reserved.step_functions.down = True
    assert _delete(reserved) == 202


def test_of_two_concurrent_deletes_one_starts_the_teardown(reserved: Stage) -> None:
    """The other request deletes between this one's read and its write."""
    rivals: list[int] = []
    reserved.db.before("put_item", lambda *_: rivals.append(_delete(reserved)))
    assert _delete(reserved) == 202
    assert rivals == [202]
    assert [name.split("-")[0] for name in reserved.step_functions.names()].count("deprovision") == 1


def test_a_delete_of_a_reservation_that_is_removed_meanwhile_is_not_found(stage: Stage) -> None:
    """Another deletion, with its whole teardown, happens between this one's read and its write."""
    arrangements.provisioned(stage)

    def rival(*_: object) -> None:
        _delete(stage)
        stage.run_event("reservation_steps", "release_reservation")
        stage.clock.advance(30)
        stage.run_event("reservation_steps", "release_reservation")

    stage.db.before("put_item", rival)
    assert _delete(stage) == 404


def test_a_reservation_that_the_caller_may_not_delete_is_unchanged(reserved: Stage) -> None:
    before = reserved.db.dump()
    for case, status in (("foreign", 404), ("permission_missing", 403), ("token_missing", 401)):
        assert reserved.request_event("delete_reservation", case).status == status
    assert reserved.db.dump() == before


def test_a_reader_may_not_delete(reserved: Stage) -> None:
    event = sample_events.read("delete_reservation", "accepted")
    assert reserved.request("delete_reservation", event, profile="reader").status == 403


def test_an_operator_deletes_in_the_organization_that_it_names(reserved: Stage) -> None:
    event = sample_events.read("delete_reservation", "accepted")
    assert reserved.request("delete_reservation", event, profile="operator").status == 404
    assert reserved.request_event("delete_reservation", "accepted_by_operator").status == 202


def _audits(stage: Stage) -> list[dict[str, str]]:
    return [line["audit"] for line in stage.log_lines if "audit" in line]
