"""States that the model treats as one behave as one, and no reachable state is left out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from proof.protocol.explore import Moves
from proof.protocol.keys import RECORDS_NEVER_RETURN, STAMPS_NEVER_RETURN, Keys
from proof.protocol.rules import NOT_NEEDED, RULES
from proof.protocol.scenarios import SCENARIOS
from proof.protocol.state import Process, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proof.protocol.scenarios import Scenario
    from proof.protocol.state import State

ALL = frozenset(RULES) | frozenset(NOT_NEEDED)


def moves_of(scenario: Scenario) -> Moves:
    return Moves(ALL, scenario.runs, adopts=scenario.adopts, rival=scenario.rival)


def reach(kinds: str, scenario: Scenario, keys: Keys, states_max: int) -> Iterator[tuple[State, list[State]]]:
    """Each state with a key of its own, and the states after it."""
    moves, first = moves_of(scenario), start(kinds, scenario.runs)
    seen, waiting = {keys.of(first)}, deque([first])
    while waiting:
        state = waiting.popleft()
        after = [moves.hurry(keys, one) for _, one, _ in moves.of(state)]
        yield state, after
        for one in after:
            key = keys.of(one)
            if key not in seen and len(seen) < states_max:
                seen.add(key)
                waiting.append(one)


def next_keys(moves: Moves, keys: Keys, state: State) -> set[Any]:
    return {keys.of(moves.hurry(keys, after)) for _, after, _ in moves.of(state)}


@pytest.mark.parametrize("name", ["rival", "delete", "two-creates", "fail", "upgrade", "answers"])
def test_states_with_one_key_have_the_same_successors(name: str) -> None:
    scenario = SCENARIOS[name]
    moves, keys = moves_of(scenario), Keys(frozenset(), scenario.runs)
    nexts: dict[Any, set[Any]] = {}
    compared = 0
    for _, after in reach(scenario.processes, scenario, keys, 100_000):
        for state in after:
            key, found = keys.of(state), next_keys(moves, keys, state)
            compared += key in nexts
            assert nexts.setdefault(key, found) == found
    assert compared > len(nexts)


def without_late(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*key[:2], *key[3:])


@pytest.mark.parametrize("name", ["create", "delete", "fail", "upgrade"])
def test_the_reduced_exploration_reaches_what_the_full_one_reaches(name: str) -> None:
    """In the full one every write may be late, whatever happened to its sender; one more worker does what
    those do.

    A reached state covers all states in which fewer writes are late.
    """
    scenario = SCENARIOS[name]
    keys, moves = Keys(frozenset(), scenario.runs), moves_of(scenario)
    known: dict[Any, list[set[Any]]] = {}
    for state, _ in reach(scenario.processes + "W", scenario, keys, 100_000):
        key = keys.of(state)
        known.setdefault(without_late(key), []).append(set(key[2]))
    whole = Keys(STAMPS_NEVER_RETURN | RECORDS_NEVER_RETURN, scenario.runs)
    looked_at = 0
    for state, _ in reach(scenario.processes, scenario, whole, 2_000):
        wider = state._replace(
            processes=(*state.processes, Process("W")), others=(*state.others, state.others[0])
        )
        key = keys.of(moves.hurry(keys, wider))
        assert any(late.issuperset(key[2]) for late in known.get(without_late(key), []))
        looked_at += 1
    assert looked_at == 2_000
