"""The linearizability checker on histories written by hand, valid and invalid, and on all small ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from math import inf

import pytest

from proof import linear
from proof.linear import Operation, Undecided, order_of


@dataclass(frozen=True)
class Write:
    value: int
    reads: bool = False

    def apply(self, _state: int) -> int | None:
        return self.value


@dataclass(frozen=True)
class Read:
    value: int
    reads: bool = True

    def apply(self, state: int) -> int | None:
        return state if state == self.value else None


@dataclass(frozen=True)
class Swap:
    """Compare and set."""

    old: int
    new: int
    reads: bool = False

    def apply(self, state: int) -> int | None:
        return self.new if state == self.old else None


Step = Write | Read | Swap


def history(*operations: tuple[Step, float, float]) -> list[Operation[int]]:
    return [Operation(step, asked, known) for step, asked, known in operations]


GOOD = {
    "nothing happened": history(),
    "one after the other": history((Write(1), 0, 1), (Read(1), 2, 3), (Write(2), 4, 5), (Read(2), 6, 7)),
    "a read of what is being written": history((Write(1), 0, 9), (Read(1), 1, 2), (Read(1), 3, 4)),
    "a read before what is being written": history((Write(1), 0, 9), (Read(0), 1, 2), (Read(1), 3, 4)),
    "two writes at once, read in the other order": history(
        (Write(1), 0, 9), (Write(2), 0, 9), (Read(2), 10, 11)
    ),
    "a write that nobody knew of is seen much later": history(
        (Write(1), 0, inf), (Read(0), 1, 2), (Read(0), 3, 4), (Read(1), 5, 6)
    ),
    "of two swaps at once each goes through when a third is between": history(
        (Swap(0, 1), 0, 9), (Swap(0, 2), 0, 9), (Write(0), 0, 9), (Read(2), 10, 11)
    ),
}

BAD = {
    "a read of what was never written": history((Write(1), 0, 1), (Read(2), 2, 3)),
    "a read of what was written over": history((Write(1), 0, 1), (Write(2), 2, 3), (Read(1), 4, 5)),
    "a read of what comes later": history((Read(1), 0, 1), (Write(1), 2, 3)),
    "a write that is seen, and then not": history((Write(1), 0, 9), (Read(1), 1, 2), (Read(0), 3, 4)),
    "two readers that see two writes in two orders": history(
        (Write(1), 0, 20),
        (Write(2), 0, 20),
        (Read(1), 1, 2),
        (Read(2), 3, 4),
        (Read(1), 5, 6),
    ),
    "two swaps of the same": history((Swap(0, 1), 0, 1), (Swap(0, 2), 2, 3)),
    "two swaps of the same at once": history((Swap(0, 1), 0, 9), (Swap(0, 2), 0, 9)),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_linearizable_history_is_accepted(name: str) -> None:
    found = order_of(GOOD[name], 0)

    assert found is not None
    assert is_an_order(GOOD[name], found)


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_is_not_linearizable_is_rejected(name: str) -> None:
    assert order_of(BAD[name], 0) is None


def is_an_order(operations: list[Operation[int]], order: list[int] | tuple[int, ...]) -> bool:
    """Whether an order respects time and the model, decided without the checker."""
    state: int | None = 0
    for place, number in enumerate(order):
        if any(operations[later].known < operations[number].asked for later in order[place + 1 :]):
            return False
        assert state is not None
        state = operations[number].step.apply(state)
        if state is None:
            return False
    return sorted(order) == list(range(len(operations)))


INTERVALS = ((0, 3), (1, 6), (2, 4), (5, 7), (5, inf))
STEPS: tuple[Step, ...] = (Write(1), Write(2), Read(0), Read(1), Read(2), Swap(1, 2), Swap(0, 1))


def test_the_checker_agrees_with_trying_every_order() -> None:
    with_an_order = 0
    for steps in product(STEPS, repeat=3):
        for times in permutations(INTERVALS, 3):
            operations = history(*((step, *time) for step, time in zip(steps, times, strict=True)))
            wanted = any(is_an_order(operations, order) for order in permutations(range(3)))
            assert (order_of(operations, 0) is not None) == wanted, operations
            with_an_order += wanted

    assert 1_000 < with_an_order < len(STEPS) ** 3 * 60 - 1_000


def test_a_hint_never_changes_the_result() -> None:
    for name, operations in (GOOD | BAD).items():
        backwards = [
            Operation(operation.step, operation.asked, operation.known, hint=-number)
            for number, operation in enumerate(operations)
        ]
        assert (order_of(backwards, 0) is None) == (name in BAD)


def test_a_search_that_takes_too_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "STEPS_MAX", 50)
    writes = [(Write(value), 0.0, 9.0) for value in range(9)]

    with pytest.raises(Undecided):
        order_of(history(*writes, (Read(99), 10, 11)), 0)
