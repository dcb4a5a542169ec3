from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gpu_capacity.adapters.system import JitteredPause, SystemClock, SystemIds
from gpu_capacity.deadline import Deadline

if TYPE_CHECKING:
    import pytest


def test_the_clock_returns_whole_seconds_since_the_epoch() -> None:
    before = int(time.time())

    assert before <= SystemClock().now() <= int(time.time())


def test_ids_are_made_of_sixteen_bytes_that_do_not_repeat() -> None:
    drawn = {SystemIds().random_bytes() for _ in range(100)}

    assert len(drawn) == 100
    assert {len(entropy) for entropy in drawn} == {16}


def _slept(monkeypatch: pytest.MonkeyPatch, attempts: range, times: int = 50) -> dict[int, list[float]]:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    found = {}
    for attempt in attempts:
        slept.clear()
        for _ in range(times):
            JitteredPause()(attempt)
        found[attempt] = list(slept)
    return found


def test_pauses_are_random_up_to_a_bound_that_doubles_to_a_third_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for attempt, seconds in _slept(monkeypatch, range(20)).items():
        bound = min(0.01 * 2**attempt, 0.32)
        assert all(0 <= second <= bound for second in seconds)
        assert max(seconds) > bound / 2
        assert min(seconds) < bound / 2


def test_concurrent_clients_do_not_retry_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(_slept(monkeypatch, range(3, 4))[3])) > 40


def test_a_very_late_attempt_does_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    (seconds,) = _slept(monkeypatch, range(900, 901), times=1)[900]

    assert seconds <= 0.32


def test_no_pause_is_longer_than_the_remaining_time_of_the_invocation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    deadline = Deadline(lambda: 0.0)
    deadline.arm(0.02)
    for _ in range(50):
        JitteredPause(deadline)(15)
    assert 0.0 < max(slept) <= 0.02
    slept.clear()

    deadline.arm(0.0)
    JitteredPause(deadline)(15)

    assert slept == [0.0]
