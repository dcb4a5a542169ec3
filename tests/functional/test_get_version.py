"""GET /api/version: open to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity import API_NAME, API_VERSION
from testkit.handlers import sample_events
from testkit.handlers.sample_events import with_headers

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def test_name_and_version_are_those_of_the_contract(stage: Stage) -> None:
    answer = stage.request_event("get_version", "answered")
    assert answer.json == {"name": API_NAME, "version": API_VERSION}
    assert API_VERSION == "0.5.0"


def test_the_version_needs_no_token_and_ignores_a_bad_one(stage: Stage) -> None:
    event = with_headers(sample_events.read("get_version", "answered"), authorization="Bearer nonsense")
    assert stage.request("get_version", event).status == 200


def test_the_version_reads_no_table(stage: Stage) -> None:
    stage.db.requests.clear()
    stage.request_event("get_version", "answered")
    assert not stage.db.requests
