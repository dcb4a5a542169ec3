"""A stage for one schedule, and its actors; see ``interleavings``."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import CapacityError
from proof.audits import findings
from proof.cloud import Cloud
from proof.ledger import Ledger
from proof.stage import CALM_PROFILE
from proof.tenants import Book, Office, Tenant
from proof.visible import judge
from proof.wire import WRITES
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proof.faults import Work
    from proof.stage import Stage
    from proof.turns import Actor

    Start = Callable[["Scene", int], object]


@dataclass(frozen=True, slots=True)
class Beginning:
    """An operation whose turns are its first calls, instead of the last ones up to its last write."""

    start: Start

    def __call__(self, scene: Scene, number: int) -> object:
        return self.start(scene, number)


class Scene:
    """The stage for one schedule, and its actors.

    Args:
        stage: the tables to begin with.
        schedule: whose turn it is, by places in the list of operations.
        turns: how many turns each has; ``None`` runs the operations whole, one after the other.
    """

    def __init__(self, stage: Stage, schedule: Sequence[int] = (), turns: int | None = None) -> None:
        self._stage = stage
        self.violations: list[str] = []
        self.cloud = Cloud(0, CALM_PROFILE, still=True, db=stage.db)
        self.cloud.clock.advance(stage.seconds + 1)
        self.cloud.turns.choose = self._choose
        self.holders, self.documents = stage.holders, stage.documents
        self.cloud.tell = self.violations.append
        self.ledger = Ledger(
            self.cloud.tick, self.cloud.clock.now_ms, self._work, self.cloud.tell, self.cloud.in_trouble
        )
        self.ledger.adopt(self.cloud.db.dump())
        self.ledger.asked_to_end.update(stage.holders.values())
        held = {name: self.ledger.records[key].holds for name, key in stage.holders.items()}
        self.racks = {name: min(domains)[2] for name, domains in held.items() if domains}
        self.cloud.db.watch(self.ledger)
        self.office = Office(self.cloud, self.ledger, self.violations.append)
        self.who = Tenant("client", self.office, Book(ORGANIZATION), random.Random(0))
        self._schedule = iter(schedule)
        self._turns = turns
        self._actors: list[Actor] = []
        self._leads: list[int] = []

    def play(self, operations: Sequence[Start]) -> list[str]:
        """Run the operations in the order of the schedule, and return the violations."""
        for number, start in enumerate(operations):
            self._leads.append(self._lead_of(start))
            self._actors.append(self.cloud.turns.spawn(str(number), partial(self._act, start, number)))
        self.cloud.turns.run()
        found = findings(self.cloud.db, self.cloud.clock.now())
        return [*self.violations, *self.cloud.turns.defects, *found, *judge(self.ledger, self.office.works)]

    def _lead_of(self, start: Start) -> int:
        if self._turns is None or isinstance(start, Beginning):
            return 0
        return max(0, calls_until_write(start, self._stage) - self._turns)

    def _act(self, start: Start, number: int) -> None:
        try:
            start(self, number)
        except CapacityError as error:
            self.cloud.note(str(number), type(error).__name__, "")

    def _choose(self, ready: Sequence[Actor]) -> int:
        """First the lead of each operation, then the schedule, then each to its end."""
        if self._turns is not None:
            for place, actor in enumerate(ready):
                if actor.points <= self._leads[self._actors.index(actor)]:
                    return place
            for number in self._schedule:
                if self._actors[number] in ready:
                    return ready.index(self._actors[number])
        return min(range(len(ready)), key=lambda place: ready[place].name)

    def _work(self) -> Work | None:
        actor = self.cloud.turns.current
        return actor.operation if actor else None


@cache
def calls_until_write(start: Start, stage: Stage) -> int:
    """How many calls an operation makes up to its last write, when it runs alone."""
    scene = Scene(stage)
    scene.play([start])
    calls = [operation for _, actor, operation, *_ in scene.cloud.notes if operation in CALLS]
    writes = (place for place, operation in enumerate(calls, 1) if operation in WRITES)
    # An operation that finds no capacity when it runs alone writes nothing; a rival frees some for it.
    return max(writes, default=len(calls))


CALLS: Final = WRITES | {"get_item", "batch_get_item", "query", "call"}
