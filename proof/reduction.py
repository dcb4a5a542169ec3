"""Partial-order reduction: runs one schedule of each equivalence class of a block.

Two adjacent turns commute if both only read, or if neither writes what the other reads. Schedules that differ
only by swapping such neighbours form a class and have the same result. One schedule of each class is run, and
the keys that its turns touch determine every other schedule of the class; this repeats until none is left.
The full form runs every schedule; a test checks that both find the same.

What a turn touches is observed at the database, not reported by the code under test:

- reads are of keys, partitions or tables; writes are of keys, committed or refused;
- all writes keep their order: so every schedule of a class goes through the same states of the tables, and
  the ledger checks the same states;
- so do effects outside the tables: an answer to a client, taking or returning an environment, a random draw
  and a call to another service keep their places among the writes;
- a turn that moves the clock to another second keeps its place among all turns. Only records of capacity
  claims have times finer than a second, and no block creates two of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from proof.interleavings import OPERATIONS, Block
from proof.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proof.scene import Start
    from proof.stage import Stage

    Place = tuple[str, ...]
    """A table, or in it a partition, or in that an item."""

    Schedule = tuple[int, ...]

# Writes, alone and in transactions, and which of their parameters has the key.
_WRITES: Final = {"put_item": "Item", "update_item": "Key", "delete_item": "Key"}
_ACTIONS: Final = {"Put": "Item", "Update": "Key", "Delete": "Key"}


@dataclass(slots=True)
class Turn:
    """One turn of an operation: what it read and wrote.

    ``ordered``: keeps its place among the writes; ``barrier``: keeps its place among all turns.
    """

    number: int
    reads: set[Place] = field(default_factory=set)
    writes: set[Place] = field(default_factory=set)
    ordered: bool = False
    barrier: bool = False

    def commutes(self, other: Turn) -> bool:
        """Whether two adjacent turns commute."""
        return not (
            self.number == other.number
            or self.barrier
            or other.barrier
            or (self.ordered and other.ordered)
            or self._disturbs(other)
            or other._disturbs(self)
        )

    def _disturbs(self, other: Turn) -> bool:
        return any(place[:length] in other.reads for place in self.writes for length in range(1, 4))

    def note(self, operation: str, parameters: dict[str, Any]) -> None:
        """Add the keys that a call reads and writes."""
        match operation:
            case "get_item":
                self.reads.add(_item(parameters, parameters["Key"]))
            case "batch_get_item":
                for table, batch in parameters["RequestItems"].items():
                    self.reads.update((table, *_key(key)) for key in batch["Keys"])
            case "query":
                self.reads.add(_partition(parameters))
            case "transact_write_items":
                self.ordered = True
                for action in parameters["TransactItems"]:
                    for kind, target in action.items():
                        if kind in _ACTIONS:
                            self.writes.add(_item(target, target[_ACTIONS[kind]]))
                        else:
                            self.reads.add(_item(target, target["Key"]))
            case _ if operation in _WRITES:
                self.ordered = True
                self.writes.add(_item(parameters, parameters[_WRITES[operation]]))
            case _:
                # An unknown call.
                self.barrier = True


def _item(parameters: dict[str, Any], key: dict[str, Any]) -> Place:
    return (parameters["TableName"], *_key(key))


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _partition(parameters: dict[str, Any]) -> Place:
    """The keys that a query reads; for an index the whole table, because any item may appear there."""
    table = parameters["TableName"]
    values = parameters["ExpressionAttributeValues"]
    partition = values.get(":pk")
    if "IndexName" in parameters or partition is None:
        return (table,)
    return table, partition["S"]


class Watched(Scene):
    """A scene that notes what each turn of its schedule touches."""

    def __init__(self, stage: Stage, schedule: Schedule, turns: int) -> None:
        super().__init__(stage, turns=turns)
        self.turns: list[Turn] = []
        self._turn: Turn | None = None
        self._schedule = self._one_after_the_other(schedule)
        self.cloud.db.before("*", self._note, times=None)

    def play(self, operations: Sequence[Start]) -> list[str]:
        """See ``Scene.play``."""
        problems = super().play(operations)
        # Turns that were not used, because every operation had ended.
        deque(self._schedule, maxlen=0)
        return problems

    def _one_after_the_other(self, schedule: Schedule) -> Iterator[int]:
        """The schedule; a request for the next number ends the turn before it."""
        for number in schedule:
            turn = self._turn = Turn(number)
            self.turns.append(turn)
            called, second, shared = len(self.cloud.notes), self.cloud.clock.now(), self._shared()
            yield number
            self._turn = None
            if len(self.cloud.notes) == called:
                # The operation had already ended.
                continue
            turn.barrier |= self.cloud.clock.now() != second
            turn.ordered |= self._shared() != shared or not (turn.reads or turn.writes)

    def _shared(self) -> object:
        """The state that operations share outside the tables, as far as it can change."""
        working = [id(actor.operation) for actor in self._actors]
        return self.cloud.ticks, working, self.cloud.draw.getstate(), self.who.draw.getstate()

    def _note(self, operation: str, parameters: dict[str, Any]) -> None:
        if self._turn is not None:
            self._turn.note(operation, parameters)


def alike(turns: Sequence[Turn]) -> Iterator[Schedule]:
    """Every schedule of the class of the schedule with these turns, itself included."""
    before = [
        sum(1 << place for place, earlier in enumerate(turns[:end]) if not earlier.commutes(turn))
        for end, turn in enumerate(turns)
    ]
    yield from _extensions([turn.number for turn in turns], before, 0, ())


def _extensions(
    numbers: Sequence[int], before: Sequence[int], done: int, schedule: Schedule
) -> Iterator[Schedule]:
    if len(schedule) == len(numbers):
        yield schedule
        return
    for place, number in enumerate(numbers):
        if not done >> place & 1 and not before[place] & ~done:
            yield from _extensions(numbers, before, done | 1 << place, (*schedule, number))


@dataclass(frozen=True, slots=True)
class Class:
    """An equivalence class: the schedule that was run, its violations, and all members."""

    scene: Watched
    problems: list[str]
    schedules: list[Schedule]


def classes(block: Block) -> Iterator[Class]:
    """All classes of a block; the first schedule of each is the one that was run.

    Raises:
        AssertionError: a schedule is in two classes, so turns depend on something that is not noted.
    """
    left = dict.fromkeys(block.schedules())
    while left:
        schedule = next(iter(left))
        scene = Watched(block.stage(), schedule, block.turns)
        problems = scene.play([OPERATIONS[name] for name in block.names])
        members = sorted(alike(scene.turns))
        for member in members:
            if member not in left:
                raise AssertionError(
                    f"{block.spell(member)} is in two classes: its turns share more than is noted"
                )
            del left[member]
        yield Class(scene, problems, members)
