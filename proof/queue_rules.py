"""What has to hold of those who wait for instances: nobody younger takes what an older one waits for.

Age is what a record says of its creation. One that is recorded while a round is already under way may be
older than the one that the round serves, by its clock or because its request took its time: the round need
not know it. One that comes *back* into a queue, as it wants more again, is never passed over.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proof.items import CLAIM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proof.faults import Work
    from proof.items import Item, RecordKey

    Queue = tuple[str, str]
    """Zone and instance type."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Whose turn comes by ``age``; ``joined_ms`` is when it was recorded, 0 where it came back."""

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

    def note(self, key: RecordKey, after: Item | None, gained: Iterable[str], *, is_new: bool) -> None:
        """A write of a claim, which took hosts in the zones ``gained``."""
        if not key[1].startswith(CLAIM):
            return
        if after is not None and "instance_id" in after:
            for zone in gained:
                self._judge(key, (zone, after["instance_id"]["S"]), _age(key, after))
        was, now = self._stands_in.get(key, frozenset()), _queues_of(after)
        for queue in was - now:
            del self._queues[queue][key]
        for queue in now - was:
            assert after is not None
            self._queues[queue][key] = _Waiting(_age(key, after), self._now_ms() if is_new else 0)
        self._stands_in[key] = now

    def _judge(self, key: RecordKey, queue: Queue, age: tuple[int, str, str]) -> None:
        work = self._work()
        began_ms = work.began_ms if work is not None else self._now_ms()
        for other, waiting in self._queues[queue].items():
            if other != key and waiting.age < age and waiting.joined_ms < began_ms:
                self._tell(f"{key} took from {queue}, where {other} waits and is older")


def _queues_of(item: Item | None) -> frozenset[Queue]:
    """Where a claim waits: in all of its zones while it has less there than it asks for."""
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
