from __future__ import annotations

import math

from gpu_capacity.deadline import Deadline


class Monotonic:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_without_an_invocation_there_is_no_deadline() -> None:
    clock = Monotonic()
    deadline = Deadline(clock)
    clock.seconds += 1e6
    assert deadline.remaining_seconds() == math.inf


def test_the_remaining_time_shrinks_to_zero() -> None:
    clock = Monotonic()
    deadline = Deadline(clock)
    deadline.arm(19.0)
    clock.seconds += 4.0
    assert deadline.remaining_seconds() == 15.0
    clock.seconds += 60.0
    assert deadline.remaining_seconds() == 0.0


def test_the_next_invocation_has_its_own_time() -> None:
    clock = Monotonic()
    deadline = Deadline(clock)
    deadline.arm(19.0)
    clock.seconds += 60.0
    deadline.arm(5.0)
    assert deadline.remaining_seconds() == 5.0


def test_commands_and_tests_have_no_deadline() -> None:
    assert Deadline.none().remaining_seconds() == math.inf
