"""A restore is rehearsed on the emulator: what came and went since is named, and nothing is changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.reservation_client import RESERVATIONS, ReservationClient
from tools.restore_drill import DONE, Drill, main

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

ORGANIZATION, PROJECT = "d2111000-0000-4000-8000-000000000001", "d2111000-0000-4000-8000-000000000002"


@pytest.fixture
def client(stack: Stack) -> ReservationClient:
    return ReservationClient(stack, stack.token(ORGANIZATION, PROJECT))


def reservation() -> dict[str, Any]:
    return {
        "metadata": {"name": "drilled"},
        "spec": {
            "organizationId": ORGANIZATION,
            "projectId": PROJECT,
            "regionId": "us-tex-1",
            "accelerator": "GB300",
            "unit": "NVL72",
            "count": 1,
        },
    }


def test_what_came_and_went_since_the_second_is_named(stack: Stack, client: ReservationClient) -> None:
    running = stack.state.read_running()
    drill = Drill(stack.client, running["outputs"], local=True)
    before = client.create(RESERVATIONS, reservation())
    tables = drill.restore(int(time.time()))
    try:
        client.delete(f"{RESERVATIONS}/{before['metadata']['id']}")
        after = client.create(RESERVATIONS, reservation())
        report, absent = drill.examine(tables)
    finally:
        drill.remove(tables)
    client.delete(f"{RESERVATIONS}/{after['metadata']['id']}")

    (gone,) = [line for line in absent if before["metadata"]["id"] in line]
    assert "18 hosts are not held" in gone
    found = [one.finding for one in report.reported if one.finding.kind.value == "server_leaked"]
    assert [f for f in found if after["metadata"]["id"] in f.subject + f.message]
    left = stack.client("dynamodb").list_tables()["TableNames"]
    assert not [name for name in left if "-drill-" in name]


def test_the_command_reports_and_leaves_nothing_behind(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--state", str(stack.state.folder)]) == DONE
    assert capsys.readouterr().out.startswith("restored to 20")
    assert main(["--state", str(stack.state.folder), "--second", "tomorrow"]) == 2
    assert "SECOND is a time in the past" in capsys.readouterr().err
