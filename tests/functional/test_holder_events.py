"""GET …/{id}/events: newest first, in pages, for whoever may read the holder, also after it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from testkit.handlers import arrangements as given
from testkit.handlers import claim_stage, history_arrangements, sample_events
from testkit.handlers.claim_stage import ClaimStage
from testkit.handlers.history_arrangements import tell
from testkit.handlers.vm_stage import Stage as VmStage
from testkit.stream import Stream

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


def _told(stage: Stage) -> None:
    """The reservation of the events was accepted, deleted and swept, and every change was told."""
    stream = Stream(stage.db, stage.clock)
    given.inventory(stage)
    assert stage.request_event("create_reservation", "accepted_with_idempotency_key").status == 202
    stage.clock.advance(60)
    assert stage.request_event("delete_reservation", "accepted").status == 202
    stage.clock.advance(60)
    assert stage.run_step("release_reservation", dict(given.STEP))["outcome"] == "done"
    assert stage.run("publish_events", {"Records": stream.entries}) == {"batchItemFailures": []}


def _page(stage: Stage, answer: Answer) -> Answer:
    """The page that the Link header of an answer leads to."""
    event = sample_events.read("list_reservation_events", "all")
    query = answer.headers["link"].removeprefix("<?").removesuffix('>; rel="next"')
    return stage.request("list_reservation_events", sample_events.with_query(event, **parse_qs(query)))


def test_the_events_of_a_reservation_that_is_gone_are_shown_newest_first(stage: Stage) -> None:
    _told(stage)
    assert stage.request_event("get_reservation", "found").status == 404

    answer = stage.request_event("list_reservation_events", "all")

    assert [event["event"] for event in answer.json] == ["released", "ended", "accepted", "created"]
    assert [event["status"] for event in answer.json] == ["gone", "deprovisioning", "pending", "pending"]
    times = [event["time"] for event in answer.json]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 3


def test_pages_have_every_event_once(stage: Stage) -> None:
    _told(stage)
    everything = stage.request_event("list_reservation_events", "all").json
    answer = stage.request_event("list_reservation_events", "page")
    found = list(answer.json)
    while "link" in answer.headers:
        answer = _page(stage, answer)
        assert answer.status == 200
        found += answer.json
    assert found == everything
    assert len(found) == 4


@pytest.mark.parametrize("profile", ["stranger", "operator"])
def test_nobody_else_learns_that_there_was_a_reservation(stage: Stage, profile: str) -> None:
    """An operator has to name the organization."""
    _told(stage)
    event = sample_events.read("list_reservation_events", "all")
    assert stage.request("list_reservation_events", event, profile).status == 404


def test_a_member_of_another_project_sees_nothing_of_it(stage: Stage) -> None:
    _told(stage)
    token = stage.authority.token(sub="user-2", projects=["5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"])
    event = sample_events.with_headers(
        sample_events.read("list_reservation_events", "all"), authorization=f"Bearer {token}"
    )
    assert stage.request("list_reservation_events", event).status == 404


def test_an_operator_who_names_the_organization_sees_it(stage: Stage) -> None:
    _told(stage)
    assert len(stage.request_event("list_reservation_events", "by_operator").json) == 4


def test_events_are_kept_for_as_many_days_as_the_parameter_says(stage: Stage) -> None:
    stage.settings["HISTORY_DAYS"] = "2"
    _told(stage)
    stage.clock.advance(2 * 86_400 - 121)
    assert len(stage.request_event("list_reservation_events", "all").json) == 4
    stage.clock.advance(121)
    assert stage.request_event("list_reservation_events", "all").status == 404


def test_a_holder_of_which_nothing_is_told_yet_has_no_events(stage: Stage) -> None:
    given.placed(stage)
    assert stage.request_event("list_reservation_events", "all").json == []
    assert stage.request_event("list_placement_events", "all").json == []


def test_a_placement_has_events_of_its_own(stage: Stage) -> None:
    history_arrangements.told(stage)
    (accepted, created) = stage.request_event("list_placement_events", "all").json
    assert (accepted["event"], created["event"]) == ("accepted", "created")
    assert created["hosts"] == 4


def test_events_of_a_claim_are_in_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = ClaimStage(monkeypatch)
    claim_stage.told(stage)
    answer: dict[str, Any] = stage.request_event("list_capacity_claim_events", "all").json
    assert [event["event"] for event in answer["events"]] == ["accepted", "created"]
    assert answer["events"][0]["hosts"] == 10


def test_events_of_a_vm_have_the_names_of_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = VmStage(monkeypatch)
    stage.with_vm()
    tell(stage)
    answer = stage.send("list_vm_events", "page")
    (accepted,) = answer.json
    assert accepted["event"] == "accepted"
    assert accepted["gpus"] > 0
    assert "link" in answer.headers


def test_a_change_that_cannot_be_told_now_is_repeated(stage: Stage) -> None:
    given.inventory(stage)
    stage.bus.down = True
    event = sample_events.read("publish_events", "changed")
    with pytest.raises(BatchProcessingError):
        stage.run("publish_events", {"Records": event["Records"][1:]})

    stage.bus.down = False
    assert stage.run("publish_events", event) == {"batchItemFailures": []}
    assert [entry["DetailType"] for entry in stage.bus.entries] == [
        "gpu-capacity.reservation.created.v1",
        "gpu-capacity.reservation.accepted.v1",
    ]
