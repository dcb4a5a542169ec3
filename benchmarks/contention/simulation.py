"""Virtual time for ordinary, blocking code.

Each actor has its own thread, but only one runs at any moment: the one with the earliest time. An actor that
sleeps hands over to the next in the order of time, so a run is repeatable, takes no real time for waiting,
and the code under test needs no change.
"""

from __future__ import annotations

import heapq
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

_STACK_BYTES = 512 * 1024


class Simulation:
    """A clock in seconds, and the actors that wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, threading.Semaphore]] = []
        self._order = 0
        self._done = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def spawn(self, work: Callable[[], object], *, after: float = 0.0) -> None:
        """Let an actor begin, ``after`` seconds from now."""
        turn = self._wait_for(after)

        def run() -> None:
            turn.acquire()
            try:
                if self._failure is None:
                    work()
            except BaseException as error:  # noqa: BLE001 - raised again by run(), in the caller's thread
                self._failure = self._failure or error
            self._hand_over()

        default = threading.stack_size(_STACK_BYTES)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        threading.stack_size(default)
        self._threads.append(thread)

    def sleep(self, seconds: float) -> None:
        """Suspend the running actor until its time has come; others run meanwhile."""
        if self._waiting and self._waiting[0][0] <= self.now + seconds:
            self._give_way(self._wait_for(seconds))
        else:
            # No other actor is due before this one.
            self.now += seconds

    def beside(self, work: Callable[[], Value]) -> Callable[[], Value]:
        """Start another actor beside the running one; calling the result waits for its end."""
        done: list[Value] = []
        waiting: list[threading.Semaphore] = []

        def run() -> None:
            done.append(work())
            for turn in waiting:
                self._is_due(turn, 0.0)

        def wait() -> Value:
            if not done:
                waiting.append(threading.Semaphore(0))
                self._give_way(waiting[0])
            return done[0]

        self.spawn(run)
        return wait

    def run(self) -> None:
        """Run until every actor has ended; raises the error of the first one that failed."""
        self._hand_over()
        self._done.acquire()
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _wait_for(self, seconds: float) -> threading.Semaphore:
        turn = threading.Semaphore(0)
        self._is_due(turn, seconds)
        return turn

    def _is_due(self, turn: threading.Semaphore, seconds: float) -> None:
        self._order += 1
        heapq.heappush(self._waiting, (self.now + seconds, self._order, turn))

    def _give_way(self, turn: threading.Semaphore) -> None:
        """Wait for the turn of this actor."""
        self._hand_over()
        turn.acquire()
        if self._failure is not None:
            raise SimulationEnded

    def _hand_over(self) -> None:
        if not self._waiting:
            self._done.release()
            return
        self.now, _, turn = heapq.heappop(self._waiting)
        turn.release()


class SimulationEnded(BaseException):
    """Unwinds an actor after another one failed. No use case may catch it."""
