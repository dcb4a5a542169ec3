"""Runs actors one at a time. At every scheduling point another actor may run first.

Each actor has its own greenlet, because the code under test is synchronous and calls its database from deep
within. At each point the current actor pauses and the next one is drawn, so the draws alone determine a run.
Time is virtual: it moves with every point, and when all actors sleep it jumps to the first one that wakes.
"""

from __future__ import annotations

import heapq
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Run = Callable[[], object]
    Choose = Callable[[Sequence["Actor"]], int]
    """Chooses among the ready actors, in the order in which they stopped; returns a place in the list."""


class Abandoned(BaseException):
    """The run is over before the actor is. Nothing in the product catches this."""


class Actor:
    """An actor, ready now or from ``wakes_ms`` on.

    ``operation`` is its current work, for records; ``points`` counts its scheduling points.
    """

    def __init__(self, name: str, run: Run, wakes_ms: int) -> None:
        self.name = name
        self.run = run
        self.wakes_ms = wakes_ms
        self.operation: Any = None
        self.points = 0
        self.greenlet: greenlet | None = None


class Turns:
    """The actors of one run.

    Args:
        choose: draws the next actor.
        now_ms: reads the clock.
        advance_ms: moves it.
        points_max: more points mean an endless loop.
    """

    def __init__(
        self,
        choose: Choose,
        now_ms: Callable[[], int],
        advance_ms: Callable[[int], None],
        points_max: int = 100_000,
    ) -> None:
        self.choose = choose
        self.point_ms = 7
        self.points = 0
        self.current: Actor | None = None
        self.defects: list[str] = []
        self._now_ms = now_ms
        self._advance_ms = advance_ms
        self._points_max = points_max
        self._ready: list[Actor] = []
        self._asleep: list[tuple[int, int, Actor]] = []
        self._spawned = 0
        self._until_ms: int | None = None
        self._abandoned = False
        self._scheduler = getcurrent()

    def spawn(self, name: str, run: Run, after_ms: int = 0) -> Actor:
        """Start an actor later, or at the next point."""
        actor = Actor(name, run, self._now_ms() + after_ms)
        self._sleep_on(actor)
        return actor

    def point(self) -> None:
        """A scheduling point: run the actor that is drawn."""
        if (me := self.current) is None:
            return
        self.points += 1
        me.points += 1
        if self.points > self._points_max:
            self._abandoned = True
            self.defects.append(f"does not end: {self.points} points, last {me.name}")
        self._check()
        self._advance_ms(self.point_ms)
        self._ready.append(me)
        self._pause()

    def sleep(self, milliseconds: int) -> None:
        """Sleep for at least this time."""
        me = self.current
        if me is None:
            self._advance_ms(milliseconds)
            return
        self._check()
        me.wakes_ms = self._now_ms() + milliseconds
        self._sleep_on(me)
        self._pause()

    def run(self, until_ms: int | None = None) -> None:
        """Run until no actor is left, or all that are left sleep beyond a time."""
        self._until_ms = until_ms
        self._scheduler = getcurrent()
        while (following := self._next()) is not None:
            self.current = following
            if following.greenlet is None:
                following.greenlet = greenlet(partial(self._whole, following))
            following.greenlet.switch()
        self.current = None

    @property
    def idle(self) -> bool:
        """Whether no actor is left."""
        return not self._ready and not self._asleep

    def abandon(self) -> None:
        """End all actors where they are. Called while none runs."""
        self._abandoned = True
        self.run()

    def stop(self) -> None:
        """End all actors from the next point on. Called by an actor."""
        self._abandoned = True

    def _check(self) -> None:
        if self._abandoned:
            raise Abandoned

    def _sleep_on(self, actor: Actor) -> None:
        self._spawned += 1
        heapq.heappush(self._asleep, (actor.wakes_ms, self._spawned, actor))

    def _pause(self) -> None:
        """Go on in ``run`` until this actor is drawn again."""
        self._scheduler.switch()
        self._check()

    def _next(self) -> Actor | None:
        while True:
            now_ms = self._now_ms()
            while self._asleep and (self._asleep[0][0] <= now_ms or self._abandoned):
                self._ready.append(heapq.heappop(self._asleep)[2])
            if self._ready:
                return self._ready.pop(self.choose(self._ready))
            if not self._asleep:
                return None
            wakes_ms = self._asleep[0][0]
            if self._until_ms is not None and wakes_ms > self._until_ms:
                return None
            self._advance_ms(wakes_ms - now_ms)

    def _whole(self, actor: Actor) -> None:
        """Run an actor to its end."""
        try:
            self._check()
            actor.run()
        except Abandoned:
            pass
        except (GreenletExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - the run reports any error
            self.defects.append(f"{actor.name}: {traceback.format_exc()}")
            self._abandoned = True
