"""`make cordon` on the tables of a stack: set, listed, lifted."""

from __future__ import annotations

import sys

import pytest

from testkit.fleet.documents import document, region
from testkit.fleet.world import FleetWorld
from tests.tools.operator_stage import StageApi, stage_api
from tools import cordon


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> StageApi:
    """A stack with two regions as the local stack of the command."""
    made = FleetWorld()
    made.sync(document(1, [region("r1"), region("r2", pods=[])]))
    return stage_api(monkeypatch, made, cordon)


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cordon", *options])
    return cordon.main()


def test_a_cordon_is_set_listed_and_lifted(
    api: StageApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rack = ("--region", "r1", "--pod", "p1", "--domain", "p1-r2")
    commands: tuple[tuple[str, ...], ...] = (
        (*rack, "--reason", "leaks"),
        ("--region", "r2", "--reason", "power works on Tuesday"),
        (),
        ("--region", "r1"),
        (*rack, "--lift", "1"),
        ("--region", "r1"),
    )

    assert [run(monkeypatch, *options) for options in commands] == [0] * len(commands)

    since = "2026-05-28T20:26:40Z"
    one = f"r1: domain p1/p1-r2, since {since}, by operator:me: leaks"
    two = f"r2: the region, since {since}, by operator:me: power works on Tuesday"
    nothing = "nothing is cordoned beside the fleet document"
    assert capsys.readouterr().out.splitlines() == [
        *(one, "pods written: 1"),
        *(two, "pods written: 0"),
        *(one, two),
        one,
        *(nothing, "pods written: 1"),
        nothing,
    ]


@pytest.mark.parametrize("cordoned", [False, True])
def test_a_quarantine_is_listed_and_lifted(
    api: StageApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    cordoned: bool,
) -> None:
    failed = {"hostId": "p1-r2-h0", "reason": "does not boot", "evidence": "PXE timeout"}
    api.call("POST", "/regions/r1/quarantines", failed)
    capsys.readouterr()
    host = ("--region", "r1", "--host", "p1-r2-h0")
    if cordoned:
        assert run(monkeypatch, *host, "--reason", "to be looked at") == 0
        capsys.readouterr()

    assert [run(monkeypatch, *options) for options in (host[:2], (*host, "--lift", "1"))] == [0, 0]

    since = "since 2026-05-28T20:26:40Z"
    listed = [f"r1: host p1-r2-h0 in quarantine, {since}, by operator:me: does not boot (PXE timeout)"]
    written = "pods written: 1"
    if cordoned:
        listed.append(f"r1: host p1-r2-h0, {since}, by operator:me: to be looked at")
        written = "pods written: 2"
    nothing = "nothing is cordoned beside the fleet document"
    assert capsys.readouterr().out.splitlines() == [*listed, nothing, written]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--region", "r1", "--domain", "p1-r2", "--reason", "leaks"), "POD is missing"),
        (("--region", "r1", "--pod", "p1", "--host", "p1-r2-h0", "--reason", "leaks"), "HOST is enough"),
        (("--pod", "p1", "--reason", "leaks"), "REGION is missing"),
        (("--region", "r1", "--pod", "p1"), "to do what?"),
        (("--region", "r1", "--reason", "leaks", "--lift", "1"), "give one of them"),
        (("--region", "r9", "--reason", "leaks"), "the region does not exist"),
        (("--region", "r1", "--pod", "p9", "--reason", "leaks"), "pod p9 does not exist in the region"),
        (("--region", "r1", "--pod", "p1", "--lift", "1"), "no operator has cordoned pod p1"),
        (("--region", "r1", "--reason", " "), "must say why"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    api: StageApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    why: str,
) -> None:
    assert run(monkeypatch, *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line
    assert [api.call("GET", f"/regions/{one}/cordons") for one in ("r1", "r2")] == [[], []]
