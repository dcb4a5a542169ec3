"""The model of the holders' protocol keeps its invariants, and each rule is needed for one of them."""

from __future__ import annotations

import pytest

from proof.protocol.holes import TRACES
from proof.protocol.rules import NOT_NEEDED, RULES
from proof.protocol.scenarios import SCENARIOS

LARGE = {
    *("adopt-rival", "two-reconciles", "all-rival", "parts"),
    *("move-all", "fail-move", "audit-move"),
}
"""Scenarios that take more than two seconds: `make prove MODEL=1`."""

SMALL = [name for name in SCENARIOS if name not in LARGE]


@pytest.mark.parametrize("name", SMALL)
def test_a_scenario_with_all_rules_keeps_the_invariants(name: str) -> None:
    found = SCENARIOS[name].run()

    assert (found.problem, found.trace, found.complete) == (None, (), True)


def test_each_rule_has_a_trace_that_needs_it() -> None:
    assert TRACES.keys() == RULES.keys()


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_an_invariant_can_be_broken(rule: str) -> None:
    shown = TRACES[rule]

    found = SCENARIOS[shown.scenario].run(frozenset({rule}))

    assert (found.problem, len(found.trace)) == (shown.problem, shown.steps)


@pytest.mark.parametrize("name", ["delete", "adopt", "two-moves", "move-delete"])
@pytest.mark.parametrize("step", NOT_NEEDED)
def test_rules_that_are_not_needed_may_be_left_out(step: str, name: str) -> None:
    found = SCENARIOS[name].run(frozenset({step}))

    assert (found.problem, found.complete) == (None, True)


def test_an_exploration_that_is_cut_short_says_so() -> None:
    found = SCENARIOS["rival"].run(states_max=100)

    assert (found.problem, found.complete) == (None, False)
