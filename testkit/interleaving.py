"""Runs several clients under every order of their calls to the database.

Each client runs in a thread of its own, but only one at a time and only until its next call: so a schedule
is a list of turns, a run is repeatable, and all schedules can be gone through one after the other.

    for schedule in every_interleaving():
        world = ...
        results = schedule.run(world.db, [client, rival])
        assert ...
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import RaceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from testkit.dynamodb import MemoryDynamoDB

    Client = Callable[[], object]

STEPS_MAX = 500
"""Calls of all clients in one schedule: beyond it something spins."""


class Schedule:
    """One order of turns: those given first, then each client goes on as long as it can.

    A turn is a place in the list of clients that could go on: the one that ran last comes first.
    """

    def __init__(self, turns: Sequence[int]) -> None:
        self._given = turns
        self._last: _Turn | None = None
        self.taken: list[_Choice] = []

    def run(self, db: MemoryDynamoDB, clients: Sequence[Client]) -> list[object]:
        """Run all clients to their ends: what each returned, or the exception that it raised."""
        turns = [_Turn(client) for client in clients]
        by_thread = {turn.thread: turn for turn in turns}

        def interrupt(_operation: str) -> None:
            if turn := by_thread.get(threading.current_thread()):
                turn.wait()

        db.interrupt = interrupt
        try:
            for turn in turns:
                turn.start()
            while alive := [turn for turn in turns if not turn.done]:
                self._choose(alive).go_on()
        finally:
            db.interrupt = _go_on
        return [turn.result for turn in turns]

    def run_to_an_answer(self, db: MemoryDynamoDB, clients: Sequence[Client]) -> list[object]:
        """The same; whoever met what is merely under claim comes again, alone, when all have ended."""
        results = self.run(db, clients)
        return [
            _outcome(client) if isinstance(result, RaceLost) else result
            for client, result in zip(clients, results, strict=True)
        ]

    def _choose(self, alive: list[_Turn]) -> _Turn:
        step = len(self.taken)
        assert step < STEPS_MAX
        in_order = sorted(alive, key=lambda turn: turn is not self._last)
        place = self._given[step] if step < len(self._given) else 0
        self.taken.append(_Choice(place, len(alive), self._last in alive))
        self._last = in_order[place]
        return self._last

    def next_turns(self, interruptions_max: int) -> list[int] | None:
        """The turns of the schedule after this one, in depth-first order; ``None`` after the last."""
        for step in range(len(self.taken) - 1, -1, -1):
            choice, before = self.taken[step], self.taken[:step]
            interruptions = sum(one.interrupts for one in before) + choice.interruptible
            if choice.place + 1 < choice.places and interruptions <= interruptions_max:
                return [one.place for one in before] + [choice.place + 1]
        return None


@dataclass(frozen=True)
class _Choice:
    """A turn that was taken: its place, of how many, and whether the client before it could have gone on."""

    place: int
    places: int
    interruptible: bool

    @property
    def interrupts(self) -> bool:
        return self.interruptible and self.place > 0


def every_interleaving(interruptions_max: int = STEPS_MAX) -> Iterator[Schedule]:
    """All schedules, or all that interrupt a client that could go on at most so many times.

    Each must be run before the next is asked for.
    """
    turns: list[int] | None = []
    while turns is not None:
        schedule = Schedule(turns)
        yield schedule
        assert schedule.taken, "a schedule must be run before the next one"
        turns = schedule.next_turns(interruptions_max)


class _Turn:
    """One client and its thread. Control is handed over by two semaphores: no two ever run at once."""

    def __init__(self, client: Client) -> None:
        self.done = False
        self.result: object = None
        self._client = client
        self._mine = threading.Semaphore(0)
        self._others = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Run up to the first call."""
        self.thread.start()
        self._others.acquire()

    def go_on(self) -> None:
        """Make the call that it stands before, and run up to the next one or to the end."""
        self._mine.release()
        self._others.acquire()
        if self.done:
            self.thread.join()

    def wait(self) -> None:
        """Called by the client before each call: hand over, and wait to be chosen."""
        self._others.release()
        self._mine.acquire()

    def _run(self) -> None:
        try:
            self.result = _outcome(self._client)
        finally:
            self.done = True
            self._others.release()


def _outcome(client: Client) -> object:
    """What a client returns or raises."""
    try:
        return client()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test judges it
        return error


def _go_on(_operation: str) -> None:
    """Nobody else is waiting."""
