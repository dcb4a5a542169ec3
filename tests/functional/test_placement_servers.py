"""Servers of a placement through the API: what is done to one shows when it is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.simulated.servers import SimulatedServers
from testkit.handlers import arrangements as given
from testkit.handlers import sample_events

if TYPE_CHECKING:
    import pytest

    from testkit.handlers.stage import Answer, Stage


def _act(stage: Stage, function: str, case: str = "accepted") -> None:
    answer = stage.request_event(function, case)
    assert (answer.status, answer.text) == (202, "")
    assert "content-type" not in answer.headers


def _server(stage: Stage) -> dict[str, Any]:
    answer = stage.request_event("get_placement_server", "found")
    assert answer.status == 200
    server: dict[str, Any] = answer.json
    return server


def _power(stage: Stage, *, after_seconds: int = 0) -> str:
    stage.clock.advance(after_seconds)
    return str(_server(stage)["status"]["powerState"])


def test_a_list_has_every_server_and_one_of_them_can_be_read_alone(stage: Stage) -> None:
    given.servers_up(stage)
    listed = stage.request_event("list_placement_servers", "all").json
    assert [server["status"]["ordinal"] for server in listed] == [0, 1, 2, 3]
    assert listed[0] == _server(stage)
    assert listed[0]["status"]["privateIP"]
    assert "publicIP" not in listed[0]["status"]


def test_a_server_is_stopped_and_started(stage: Stage) -> None:
    given.servers_up(stage)
    _act(stage, "stop_placement_server")
    assert _power(stage) == "Stopping"
    assert _power(stage, after_seconds=60) == "Stopped"
    _act(stage, "stop_placement_server")
    _act(stage, "start_placement_server")
    assert _power(stage, after_seconds=60) == "Running"
    _act(stage, "start_placement_server")
    assert _power(stage) == "Running"


def test_a_soft_reboot_needs_a_running_server_and_a_hard_one_does_not(stage: Stage) -> None:
    given.servers_up(stage)
    _act(stage, "reboot_placement_server")
    assert _power(stage, after_seconds=60) == "Running"
    _act(stage, "stop_placement_server")
    stage.clock.advance(60)
    assert stage.request_event("reboot_placement_server", "accepted").status == 409
    _act(stage, "reboot_placement_server", "hard")
    assert _power(stage, after_seconds=60) == "Running"


def test_manual_drift_waits_for_a_reconcile_of_each_server(stage: Stage) -> None:
    given.servers_up(stage)
    assert stage.request("update_placement", _manual(stage)).status == 200
    assert _server(stage)["status"]["driftState"] == "Drifted"
    assert stage.request_event("reconcile_placement_server", "conditional").status == 409
    assert _server(stage)["status"]["driftState"] == "Drifted"
    _act(stage, "reconcile_placement_server")
    assert _server(stage)["status"]["driftState"] == "Converging"
    assert _power(stage) == "Rebuilding"
    assert _power(stage, after_seconds=60) == "Running"
    assert _server(stage)["status"]["driftState"] == "UpToDate"
    status = stage.request_event("get_placement", "found").json["status"]
    assert (status["updatedHostCount"], status["driftedHostCount"]) == (1, 3)


def _manual(stage: Stage) -> dict[str, Any]:
    event = sample_events.read("update_placement", "image")
    body = sample_events.body_of(event)
    body["spec"]["updateStrategy"] = {"type": "Manual"}
    return sample_events.with_body(event, body)


def test_a_provider_that_does_not_answer_is_to_be_asked_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.servers_up(stage)

    def silent(*_: object) -> None:
        raise ProviderUnavailable("no route to 192.0.2.1")

    monkeypatch.setattr(SimulatedServers, "servers", silent)
    for function, case in (
        ("list_placement_servers", "all"),
        ("get_placement_server", "found"),
        ("stop_placement_server", "accepted"),
        ("reconcile_placement_server", "accepted"),
    ):
        answer: Answer = stage.request_event(function, case)
        assert answer.status == 500
        assert answer.json["error"] == "server_error"
        assert answer.headers["retry-after"] == "1"
        assert "192.0.2.1" not in answer.text
