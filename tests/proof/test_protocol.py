"""The model of the protocol of holders holds, and each rule is there for a reason that it can show."""

from __future__ import annotations

import pytest

from proof.protocol.scenarios import SCENARIOS

DOUBLE = "what a settled record owns is released"
LEAK = "a run is owned that no record names"
EMPTY = "a settled record owns nothing"


@pytest.mark.parametrize("name", ["delete", "audit"])
def test_a_scenario_with_all_rules_never_goes_wrong(name: str) -> None:
    found = SCENARIOS[name].run()

    assert (found.problem, found.trace, found.complete) == (None, (), True)


@pytest.mark.parametrize(
    ("rule", "name", "problem"),
    [
        ("stamp-condition", "delete", LEAK),
        ("stamps-stay", "delete", LEAK),
        ("fence", "delete", LEAK),
        ("fence-definite", "delete", LEAK),
        ("put-definite", "delete", LEAK),
        ("name-first", "delete", LEAK),
        ("name-definite", "delete", LEAK),
        ("revision", "delete", DOUBLE),
        ("look-before-undo", "delete", DOUBLE),
        ("take-over-first", "delete", DOUBLE),
        ("tombstone", "delete", EMPTY),
        ("bump-first", "move", DOUBLE),
        ("move-keeps-names", "move", LEAK),
        ("parts-leave-stamp", "parts", LEAK),
        ("audit-spares-names", "audit", DOUBLE),
        ("audit-reads-pod-first", "audit", DOUBLE),
    ],
)
def test_without_a_rule_there_is_a_way_to_go_wrong(rule: str, name: str, problem: str) -> None:
    found = SCENARIOS[name].run(frozenset({rule}))

    assert found.problem == problem
    assert found.trace
