"""The stream of the holders table, how Lambda reads it, and a bus that tests look at.

As at AWS: the stream has the changes of an item in their order. A batch that fails as a whole is sent again;
of one that fails in part everything from the first failed entry on. The function may die at any call. A call
that was made may have had its effect although it raised.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from gpu_capacity.errors import BusUnavailable
from testkit.world import HOLDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.doubles import FakeClock
    from testkit.dynamodb import MemoryDynamoDB
    from testkit.dynamodb.storage import Change

Entry = dict[str, Any]
Invoke = Callable[[list[Entry]], Any]

_FIRST_NUMBER = 100_000_000_000_000_000_000


class FunctionDied(BaseException):
    """The process of the function is gone. Nothing in it catches this."""


class Stream:
    """What the stream of the holders table has, from now on."""

    def __init__(self, db: MemoryDynamoDB, clock: FakeClock) -> None:
        self.entries: list[Entry] = []
        self._clock = clock
        db.watch(self)

    def __call__(self, changes: list[Change]) -> None:
        """Note the changes of one write."""
        for table, _, before, after in changes:
            if table == HOLDERS and before != after:
                self._note(before, after)

    def _note(self, before: Any, after: Any) -> None:
        self.entries.append(_entry(len(self.entries), self._clock.now(), before, after))


def stream_of_all(db: MemoryDynamoDB, now: int) -> list[Entry]:
    """A stream that begins with everything in the table, as if it had just been put there."""
    items = db.table(HOLDERS).items()
    return [_entry(number, now, None, item) for number, item in enumerate(items)]


def _entry(place: int, now: int, before: Any, after: Any) -> Entry:
    some: Any = after or before
    number = _FIRST_NUMBER + place
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventID": f"event-{number}",
        "eventName": "INSERT" if before is None else "MODIFY" if after else "REMOVE",
        "eventSource": "aws:dynamodb",
        "eventVersion": "1.1",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": float(now),
            "Keys": {name: some[name] for name in ("pk", "sk")},
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        | {name: _as_sent(image) for name, image in images.items() if image is not None},
    }


def _as_sent(value: Any) -> Any:
    """An item or a value as an event has it: bytes in base64."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _as_sent(part) for name, part in value.items()}
    return [_as_sent(part) for part in value] if isinstance(value, list) else value


class Reader:
    """Reads a stream as Lambda does, and sends what it reads to a function.

    Attributes:
        position: how many entries are done.
        failures: how often something had to be sent again.
    """

    def __init__(self, stream: Stream, invoke: Invoke) -> None:
        self._stream = stream
        self._invoke = invoke
        self.position = 0
        self.failures = 0

    @property
    def left(self) -> int:
        """Return how many entries are not done."""
        return len(self._stream.entries) - self.position

    def turn(self, size: int = 100) -> None:
        """Send the next batch."""
        batch = self._stream.entries[self.position : self.position + size]
        if not batch:
            return
        try:
            answered = self._invoke(batch)
        except (FunctionDied, BatchProcessingError):
            self.failures += 1
            return
        failed = {failure["itemIdentifier"] for failure in answered["batchItemFailures"]}
        numbers = [entry["dynamodb"]["SequenceNumber"] for entry in batch]
        assert failed <= set(numbers)
        self.failures += bool(failed)
        self.position += next((at for at, number in enumerate(numbers) if number in failed), len(batch))

    def drain(self, size: int = 100) -> None:
        """Send everything, without faults."""
        while self.left:
            before = self.position
            self.turn(size)
            assert self.position > before, "the function does not get on"


@dataclass
class RecordedBus:
    """Takes events and letters. ``faults`` says what happens at the next calls, in their order.

    ``refused``: nothing was taken. ``half``: the first half was. ``lost``: all was taken, and nobody learned
    of it. ``died``: nothing was taken, and the process is gone. ``died late``: all was taken, and it is gone.
    """

    taken: list[dict[str, Any]] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    puts: int = 0

    def put(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.puts += 1
        self._call(self.taken, [dict(event) for event in events])

    def keep(self, letter: Mapping[str, Any]) -> None:
        self._call(self.letters, [dict(letter)])

    def words(self, subject: str = "") -> list[str]:
        """Return what was told, in its order; repetitions included."""
        return [e["data"]["event"] for e in self.taken if e["subject"].startswith(subject)]

    def _call(self, into: list[dict[str, Any]], what: list[dict[str, Any]]) -> None:
        match self.faults.pop(0) if self.faults else "":
            case "":
                into += what
            case "refused":
                raise BusUnavailable("refused")
            case "half":
                into += what[: len(what) // 2]
                raise BusUnavailable("half")
            case "lost":
                into += what
                raise BusUnavailable("lost")
            case "died":
                raise FunctionDied
            case _:
                into += what
                raise FunctionDied
