"""A world whose holders' stream is told: the function that tells it, over the real stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.history.publish import Batch
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.streams import answer
from gpu_capacity.runtime.wiring import Edges, publisher_of
from testkit.doubles import CountingIds
from testkit.stream import Reader, RecordedBus, Stream
from testkit.world import HISTORY, TABLES

if TYPE_CHECKING:
    from testkit.stream import Entry
    from testkit.world import World


class Told:
    """The stream of a world, its reader, and the bus. Hooks of the tables are the faults of the database."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stream = Stream(world.db, world.clock)
        self.bus = RecordedBus()
        self.reader = Reader(self.stream, self.invoke)

    def invoke(self, entries: list[Entry]) -> Any:
        """Invoke the function with a batch, in a new process."""
        edges = Edges(self.world.db, self.world.clock, CountingIds(), self.world.pause, self.world.telemetry)
        publisher = publisher_of(Environment(TABLES), edges, self.bus, self.bus)
        return answer(Batch(publisher).tell, entries)

    def words(self, subject: str = "") -> list[str]:
        """Tell what there is to tell, and return all that was told."""
        self.reader.drain()
        return self.bus.words(subject)

    def history(self) -> list[Any]:
        """Return the items of the history."""
        return self.world.db.table(HISTORY).items()
