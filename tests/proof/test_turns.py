"""The scheduler: one actor at a time, in random order, with a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.turns import Turns
from testkit.doubles import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.turns import Actor


class Bench:
    """Turns with a clock and a record of who did what."""

    def __init__(self, order: str = "", points_max: int = 100) -> None:
        self.clock = FakeClock(0)
        self.done: list[str] = []
        self._order = list(order)
        self.turns = Turns(self._choose, self.clock.now_ms, self.clock.advance_ms, points_max)

    def walk(self, name: str, steps: int = 3) -> None:
        def run() -> None:
            for _ in range(steps):
                self.turns.point()
                self.done.append(name)

        self.turns.spawn(name, run)

    def _choose(self, ready: Sequence[Actor]) -> int:
        if self._order:
            wanted = self._order.pop(0)
            return next(place for place, actor in enumerate(ready) if actor.name == wanted)
        return 0


def test_the_drawn_actor_continues() -> None:
    bench = Bench("abbabaab")
    bench.walk("a")
    bench.walk("b")
    bench.turns.run()

    # The first turn of each leads up to its first point.
    assert "".join(bench.done) == "babaab"
    assert bench.turns.idle


def test_time_jumps_to_the_first_actor_that_wakes() -> None:
    bench = Bench()

    def sleeper(name: str, seconds: int) -> None:
        bench.turns.sleep(seconds * 1000)
        bench.done.append(f"{name} at {bench.clock.now()}")

    bench.turns.spawn("late", lambda: sleeper("late", 50))
    bench.turns.spawn("soon", lambda: sleeper("soon", 5))
    bench.turns.run()

    assert bench.done == ["soon at 5", "late at 50"]


def test_a_run_can_be_paused_at_a_time_and_continued() -> None:
    bench = Bench()
    bench.turns.spawn("late", lambda: bench.done.append("late"), after_ms=9_000)
    bench.turns.run(until_ms=5_000)
    assert (bench.done, bench.turns.idle) == ([], False)

    bench.turns.run()
    assert (bench.done, bench.turns.idle) == (["late"], True)


def test_an_unexpected_error_ends_the_run_and_is_reported() -> None:
    bench = Bench()
    bench.walk("a", steps=50)
    bench.turns.spawn("b", [].pop)
    bench.turns.run()

    [defect] = bench.turns.defects
    assert "IndexError" in defect
    assert len(bench.done) < 50
    assert bench.turns.idle


def test_an_endless_loop_is_ended() -> None:
    bench = Bench(points_max=20)
    bench.walk("a", steps=10_000)
    bench.turns.run()

    assert "does not end" in bench.turns.defects[0]


def test_an_abandoned_actor_unwinds() -> None:
    bench = Bench()

    def tidy() -> None:
        try:
            bench.turns.sleep(10_000)
        finally:
            bench.done.append("tidied up")

    bench.turns.spawn("a", tidy)
    bench.turns.run(until_ms=1_000)
    bench.turns.abandon()

    assert bench.done == ["tidied up"]
    assert bench.turns.idle
