"""Invariant of claims that wait for instances: no younger claim takes what an older one waits for.

The age of a claim is the creation time in its record. A claim that is recorded while a round is under way may
be older than the claim that the round serves, because of its clock or a slow request: the round need not know
it. A claim that *returns* to a queue, because its count was raised, is never passed over.

A claim that leaves a queue may leave capacity to the claims behind it: the operation has to wake them; for a
deleted claim, the operation that removes it. The filler serves the claims behind by itself.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from testkit.items import CLAIM, GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proof.faults import Work
    from testkit.items import Item, RecordKey

    Queue = tuple[str, str]
    """Zone and instance type."""


FILLER: Final = "fill_capacity_claims"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A place in a queue, ordered by ``age``; ``joined_ms`` is when it was recorded, 0 if it returned."""

    age: tuple[int, str, str]
    joined_ms: int


class QueueRules:
    """Follows claims that wait; see ``Ledger`` for the arguments. ``now_ms`` is the true time."""

    def __init__(
        self, now_ms: Callable[[], int], work: Callable[[], Work | None], tell: Callable[[str], None]
    ) -> None:
        self._now_ms = now_ms
        self._work = work
        self._tell = tell
        self._queues: defaultdict[Queue, dict[RecordKey, _Waiting]] = defaultdict(dict)
        self._stands_in: dict[RecordKey, frozenset[Queue]] = {}
        self._left_deleted: dict[RecordKey, frozenset[Queue]] = {}

    def note(self, key: RecordKey, after: Item | None, gained: Iterable[str], *, is_new: bool) -> None:
        """Note a write of a claim, which took hosts in the zones ``gained``."""
        if not key[1].startswith(CLAIM):
            return
        if after is not None and "instance_id" in after:
            for zone in gained:
                self._judge(key, (zone, after["instance_id"]["S"]), _age(key, after))
        was, now = self._stands_in.get(key, frozenset()), _queues_of(after)
        for queue in was - now:
            del self._queues[queue][key]
        self._note_left(key, after, was - now)
        for queue in now - was:
            assert after is not None
            self._queues[queue][key] = _Waiting(_age(key, after), self._now_ms() if is_new else 0)
        self._stands_in[key] = now

    def _note_left(self, key: RecordKey, after: Item | None, left: frozenset[Queue]) -> None:
        if after is not None and after["status"]["S"] == "STATUS_DELETING":
            if left:
                self._left_deleted[key] = left
            return
        if after is None or after["status"]["S"] == GONE:
            left |= self._left_deleted.pop(key, frozenset())
        work = self._work()
        if work is not None and work.name != FILLER:
            for queue in left:
                if others := dict(self._queues[queue]):
                    work.behind[queue[0]] = partial(self._still_wait, queue, others)

    def _still_wait(self, queue: Queue, others: dict[RecordKey, _Waiting]) -> bool:
        """Whether one of the others has not left the queue since. One that came back looks after itself."""
        return any(self._queues[queue].get(key) is waiting for key, waiting in others.items())

    def _judge(self, key: RecordKey, queue: Queue, age: tuple[int, str, str]) -> None:
        work = self._work()
        began_ms = work.began_ms if work is not None else self._now_ms()
        for other, waiting in self._queues[queue].items():
            if other != key and waiting.age < age and waiting.joined_ms < began_ms:
                self._tell(f"{key} took from {queue}, where {other} waits and is older")


def _queues_of(item: Item | None) -> frozenset[Queue]:
    """Where a claim waits: in all of its zones where it has less than it requests."""
    if item is None or "allocations" not in item or item["status"]["S"] == "STATUS_DELETING":
        return frozenset()
    zones = [zone["S"] for zone in item["zones"]["L"]]
    has = sum(
        hosts.bit_count()
        for zone, _, pods in json.loads(item["allocations"]["S"])
        if zone in zones
        for _, pairs in pods
        for hosts in pairs[1::2]
    )
    waits = has < int(item["instance_count"]["N"])
    return frozenset((zone, item["instance_id"]["S"]) for zone in zones) if waits else frozenset()


def _age(key: RecordKey, item: dict[str, Any]) -> tuple[int, str, str]:
    milliseconds = int(item.get("created_millisecond", {"N": "0"})["N"])
    return int(item["created_at"]["N"]) * 1000 + milliseconds, *key
