"""A refused credential is counted, whatever the request; a request without one is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from testkit.handlers import sample_events
from testkit.handlers.sample_events import with_headers

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

METRIC = "CredentialsRefused"


def _counted(capsys: pytest.CaptureFixture[str]) -> float:
    """The sum over the functions' embedded metrics, without those that have dimensions of their own."""
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines() if '"_aws"' in text]
    return sum(
        sum(line[METRIC])
        for line in lines
        if METRIC in line and line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    )


EVENTS = [("create_reservation", "full"), ("list_capacity_claims", "all"), ("list_vms", "all")]


@pytest.mark.parametrize(("function", "case"), EVENTS)
def test_a_refused_credential_is_counted_by_every_api(
    stage: Stage, function: str, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event = with_headers(sample_events.read(function, case), authorization="Bearer nonsense")
    assert stage.request(function, event).status == 401
    assert _counted(capsys) == 1


@pytest.mark.parametrize("function", [function for function, _ in EVENTS])
def test_a_request_without_a_credential_is_not_counted(
    stage: Stage, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.request_event(function, "token_missing").status == 401
    assert _counted(capsys) == 0
