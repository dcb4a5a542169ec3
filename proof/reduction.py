"""All schedules of a block, of each kind of those that cannot differ one: partial-order reduction.

Two turns that follow each other commute when neither can tell whether the other was first: both only read, or
one reads what the other does not write. Schedules that become each other by exchanging such neighbours are of
one class, and end alike. One of each class is played, what its turns touched is noted, and with it every
schedule of its class is known; this goes on until none is left. The full form plays every schedule; that both
find the same is tested.

What a turn touches is not told by the code under test, so nothing is believed of it:

- reads are those of keys, or of a whole partition or table; writes are those of keys, done or refused;
- all writes keep their order, whatever they write: so everything that the tables ever hold at once, and with
  it everything that the ledger looks at, comes up in one schedule of the class as in another;
- so does what is shared beside the tables: whatever tells a client something, takes or returns an
  environment, draws, or calls something else than the tables keeps its place among the writes;
- what moves the clock to another second keeps its place among everything. Within a second only the records
  of capacity claims tell times apart, and no block makes two of them.
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
    from proof.turns import Crew

    Place = tuple[str, ...]
    """A table, or in it a partition, or in that an item."""

    Schedule = tuple[int, ...]

# Writes, alone and in transactions, and which of their parameters has the key.
_WRITES: Final = {"put_item": "Item", "update_item": "Key", "delete_item": "Key"}
_ACTIONS: Final = {"Put": "Item", "Update": "Key", "Delete": "Key"}


@dataclass(slots=True)
class Turn:
    """One turn of an operation: what it read and wrote.

    ``ordered`` is set for what has to stay in its place among the writes, ``barrier`` among everything.
    """

    number: int
    reads: set[Place] = field(default_factory=set)
    writes: set[Place] = field(default_factory=set)
    ordered: bool = False
    barrier: bool = False

    def commutes(self, other: Turn) -> bool:
        """Whether it makes no difference which of the two is first, when one follows the other."""
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
        """Add what a call reads and writes."""
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
                # Nothing is known of it.
                self.barrier = True


def _item(parameters: dict[str, Any], key: dict[str, Any]) -> Place:
    return (parameters["TableName"], *_key(key))


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _partition(parameters: dict[str, Any]) -> Place:
    """Which one a query reads; of an index the whole table, as any item may come to stand there."""
    table = parameters["TableName"]
    values = parameters["ExpressionAttributeValues"]
    partition = values.get(":pk")
    if "IndexName" in parameters or partition is None:
        return (table,)
    return table, partition["S"]


class Watched(Scene):
    """A scene that notes what each turn of its schedule touches."""

    def __init__(self, crew: Crew, stage: Stage, schedule: Schedule, turns: int) -> None:
        super().__init__(crew, stage, turns=turns)
        self.turns: list[Turn] = []
        self._turn: Turn | None = None
        self._schedule = self._one_after_the_other(schedule)
        self.cloud.db.before("*", self._note, times=None)

    def play(self, operations: Sequence[Start]) -> list[str]:
        """See ``Scene.play``."""
        problems = super().play(operations)
        # Turns that nobody asked for, as everybody was done.
        deque(self._schedule, maxlen=0)
        return problems

    def _one_after_the_other(self, schedule: Schedule) -> Iterator[int]:
        """The schedule; whoever asks for the next number has ended the turn of the one before."""
        for number in schedule:
            turn = self._turn = Turn(number)
            self.turns.append(turn)
            called, second, shared = len(self.cloud.notes), self.cloud.clock.now(), self._shared()
            yield number
            self._turn = None
            if len(self.cloud.notes) == called:
                # The operation was over before.
                continue
            turn.barrier |= self.cloud.clock.now() != second
            turn.ordered |= self._shared() != shared or not (turn.reads or turn.writes)

    def _shared(self) -> object:
        """What operations have in common beside the tables, as far as it can change."""
        working = [id(actor.operation) for actor in self._actors]
        return self.cloud.ticks, working, self.cloud.draw.getstate(), self.who.draw.getstate()

    def _note(self, operation: str, parameters: dict[str, Any]) -> None:
        if self._turn is not None:
            self._turn.note(operation, parameters)


def alike(turns: Sequence[Turn]) -> Iterator[Schedule]:
    """Every schedule of the class of one whose turns these are, itself included."""
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
    """Schedules that end alike: what was played of them, what is wrong in it, and which they are."""

    scene: Watched
    problems: list[str]
    schedules: list[Schedule]


def classes(block: Block, crew: Crew) -> Iterator[Class]:
    """All classes of a block; the first schedule of each is the one that was played.

    Raises:
        AssertionError: a schedule is in two classes, so turns depend on something that is not noted.
    """
    left = dict.fromkeys(block.schedules())
    while left:
        schedule = next(iter(left))
        scene = Watched(crew, block.stage(), schedule, block.turns)
        problems = scene.play([OPERATIONS[name] for name in block.names])
        members = sorted(alike(scene.turns))
        for member in members:
            if member not in left:
                raise AssertionError(
                    f"{block.spell(member)} is in two classes: its turns share more than is noted"
                )
            del left[member]
        yield Class(scene, problems, members)
