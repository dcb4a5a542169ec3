"""Arrangements that run once a process: later stages get a copy of the state that the first one reached."""

from __future__ import annotations

import copy
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from testkit.handlers.stage import Stage, State

T = TypeVar("T")
S = TypeVar("S", bound="Stage")


def remembered(arrange: Callable[[S], T]) -> Callable[[S], T]:
    """Return the same arrangement, which runs on the first unused stage of each kind only.

    Later ones resume its state, with new execution environments, and get a copy of what it returned.
    """
    known: dict[Hashable, tuple[State, T]] = {}

    @wraps(arrange)
    def arranged(stage: S) -> T:
        kind = stage.kind()
        if kind is None:
            return arrange(stage)
        if kind not in known:
            outcome = arrange(stage)
            known[kind] = stage.state(), copy.deepcopy(outcome)
            return outcome
        state, outcome = known[kind]
        stage.resume(state)
        return copy.deepcopy(outcome)

    return arranged
