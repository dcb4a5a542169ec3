"""`make quota` on the tables of a stack: shown, set with existing holders counted, removed."""

from __future__ import annotations

import sys

import pytest

from testkit.reservations import reserve
from testkit.world import ORGANIZATION, World, pod
from tests.tools.operator_stage import StageApi, stage_api
from tools import quota


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> StageApi:
    """This service as the local stack of the command."""
    made = World(pods=(pod("pod1", 4),))
    reserve(made, 3)
    return stage_api(monkeypatch, made, quota)


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["quota", "--org", ORGANIZATION, "--subject", "GB300", *options])
    return quota.main()


def test_a_quota_is_set_shown_and_removed(
    api: StageApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: tuple[tuple[str, ...], ...] = ((), ("--limit", "8"), (), ("--limit", "none"))

    assert [run(monkeypatch, *options) for options in commands] == [0, 0, 0, 0]

    assert capsys.readouterr().out.splitlines() == [
        "no quota of its own",
        "GB300: 3 of 8 in use; earlier ones counted in: 1",
        "GB300: 3 of 8 in use",
        "GB300: 3 in use, no quota of its own; earlier ones counted in: 0",
    ]


def test_a_subject_that_would_limit_nothing_is_refused(
    api: StageApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["quota", "--org", ORGANIZATION, "--subject", "GB3000", "--limit", "8"])

    assert quota.main() == 1

    assert "would limit nothing" in capsys.readouterr().err
    assert api.call("GET", f"/organizations/{ORGANIZATION}/quotas") == []
