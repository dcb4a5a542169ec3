"""Runs several clients under every order of their calls to the database.

Each client runs in a greenlet of its own, and only until its next call. So a schedule is a
list of turns, a run is repeatable, and all schedules can be run one after the other.

    for schedule in every_interleaving():
        world = ...
        results = schedule.run(world.db, [client, rival])
        assert ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from gpu_capacity.errors import RaceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from testkit.dynamodb import MemoryDynamoDB

    Client = Callable[[], object]

STEPS_MAX = 500
"""Calls of all clients in one schedule; more mean an endless loop."""


class Schedule:
    """One order of turns: first the given ones, then each client runs as long as it can.

    A turn is a place in the list of clients that can continue; the one that ran last is the first of it.
    """

    def __init__(self, turns: Sequence[int]) -> None:
        self._given = turns
        self._last: _Turn | None = None
        self.taken: list[_Choice] = []

    def run(self, db: MemoryDynamoDB, clients: Sequence[Client]) -> list[object]:
        """Run all clients to their ends; return what each returned, or the exception that it raised."""
        turns = [_Turn(client) for client in clients]
        here = getcurrent()

        def interrupt(_operation: str) -> None:
            if getcurrent() in turns:
                here.switch()

        db.interrupt = interrupt
        try:
            for turn in turns:
                turn.switch()
            while alive := [turn for turn in turns if not turn.dead]:
                self._choose(alive).switch()
        finally:
            db.interrupt = _go_on
        return [turn.result for turn in turns]

    def run_to_an_answer(self, db: MemoryDynamoDB, clients: Sequence[Client]) -> list[object]:
        """The same; a client that met a tentative booking runs again, alone, when all have ended."""
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
        """Return the turns of the next schedule in depth-first order; ``None`` after the last."""
        interruptions = sum(one.interrupts for one in self.taken)
        for step in range(len(self.taken) - 1, -1, -1):
            choice = self.taken[step]
            # From here on: of the choices before this one.
            interruptions -= choice.interrupts
            if choice.place + 1 < choice.places and interruptions + choice.interruptible <= interruptions_max:
                return [one.place for one in self.taken[:step]] + [choice.place + 1]
        return None


@dataclass(frozen=True)
class _Choice:
    """A turn: its place, the number of places, and whether the client before it could have continued."""

    place: int
    places: int
    interruptible: bool

    @property
    def interrupts(self) -> bool:
        return self.interruptible and self.place > 0


def every_interleaving(interruptions_max: int = STEPS_MAX) -> Iterator[Schedule]:
    """Yield all schedules, or those that interrupt a client that could continue at most that many times.

    Each must be run before the next is requested.
    """
    turns: list[int] | None = []
    while turns is not None:
        schedule = Schedule(turns)
        yield schedule
        assert schedule.taken, "a schedule must be run before the next one"
        turns = schedule.next_turns(interruptions_max)


class _Turn(greenlet):
    """One client, in a greenlet of its own: it runs only when it is chosen, and until its next call."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.result: object = None
        self._client = client

    def run(self) -> None:
        """Run the client to its end, with a pause before each call."""
        self.result = _outcome(self._client)


def _outcome(client: Client) -> object:
    """Return what a client returns or raises."""
    try:
        return client()
    except Exception as error:  # noqa: BLE001 - the test judges any error
        return error


def _go_on(_operation: str) -> None:
    """Do nothing: no other client waits."""
