"""What docs/proof.md says about the model matches the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.protocol import report
from proof.protocol.explore import Found
from proof.protocol.holes import HOLES, TRACES
from proof.protocol.rules import RULES
from proof.protocol.scenarios import SCENARIOS, Scenario
from tools.reporting.results import load

if TYPE_CHECKING:
    import pytest


def test_each_hole_is_closed_by_rules_with_a_trace_or_says_why_not() -> None:
    assert set(HOLES) == {f"H{number}" for number in range(1, 22)}
    for hole in HOLES.values():
        assert hole.rules or hole.why
        assert set(hole.rules) <= set(TRACES)


def test_the_page_has_every_scenario_rule_and_hole() -> None:
    section = load("protocol")
    assert section is not None
    scenarios, traces, holes = section.tables

    assert [row[0] for row in scenarios["rows"]] == [f"`{name}`" for name in SCENARIOS]
    assert {row[4] for row in scenarios["rows"]} == {"nothing"}
    assert [(row[0], row[2], row[3], row[4]) for row in traces["rows"]] == [
        (f"`{rule}`", f"`{TRACES[rule].scenario}`", TRACES[rule].steps, TRACES[rule].problem)
        for rule in RULES
    ]
    assert holes["rows"] == list(report.holes())


def test_violations_and_incomplete_explorations_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Found(7, "a domain is owned twice", ("a", "b")), Found(9, None, complete=False)]
    monkeypatch.setattr(Scenario, "run", lambda _self, _dropped: found.pop(0))

    wrong, _ = report._explore(("delete", ""))
    short, _ = report._explore(("delete", "fence"))

    assert report._told(wrong, 1.0) == [7, "1.0", "a domain is owned twice"]
    assert report._told(short, 2.0) == [9, "2.0", "not finished"]
