"""Invariants of maintenances, checked after every write.

- Nothing that a pod's shape keeps off because of a maintenance is newly owned under that shape.
- A held host is taken only if a holder allows it, or by force: when the notice that is in the record is over,
  and holders could read it for the shortest notice at least.
- A host that was free goes into the provider's maintenance while nobody holds it, and nobody gets it held, or
  a server on it, before it is back.
- At the end nothing of a maintenance is left.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from testkit.items import WHOLE, gpus_of, owners_of
from testkit.world import INVENTORY, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from testkit.dynamodb.storage import Change
    from testkit.items import Item, PodKey


class MaintenanceRules:
    """Follows the writes of one run; ``tell`` is called with each violation.

    Args:
        now: the true time in seconds.
        tell: called with each violation.
        notice_seconds: the shortest notice before force.
        skew_seconds: how far apart the clocks of two functions may be.
    """

    def __init__(
        self, now: Callable[[], int], tell: Callable[[str], None], notice_seconds: int, skew_seconds: int
    ) -> None:
        self._now = now
        self._tell = tell
        self._notice_seconds = notice_seconds
        self._skew_seconds = skew_seconds
        self.records: dict[str, Item] = {}
        self.taken: dict[tuple[str, str], bool] = {}
        """The hosts that each maintenance has taken, and whether they were held."""
        self.maintained: defaultdict[str, set[str]] = defaultdict(set)
        """By host, the names of the provider's maintenances that it is in."""
        self._entries: dict[str, list[dict[str, str]]] = {}
        self._layout: dict[PodKey, list[tuple[int, str, dict[str, int]]]] = {}
        self._closed: dict[PodKey, dict[int, int]] = {}
        self._owned: dict[PodKey, dict[int, int]] = {}
        self._holders: dict[str, Item] = {}
        self._noticed: dict[tuple[str, int], int] = {}

    def __call__(self, changes: list[Change]) -> None:
        """See ``MemoryDynamoDB.watch``."""
        # The owners of a pod are not changed with its shape; its hosts are.
        for table, key, _, after in sorted(changes, key=lambda change: change[1][0].startswith("SHAPES#")):
            if table == INVENTORY:
                self._note_inventory(key, after)
            elif table == SERVERS:
                self._note_servers(key, after)

    def leftovers(self) -> Iterator[str]:
        """What is left of maintenances although all are over."""
        yield from (f"{host} is in maintenance {names}" for host, names in self.maintained.items() if names)
        yield from (f"{host} is taken by {maintenance}" for maintenance, host in self.taken)
        yield from (f"{region} has entries {rows}" for region, rows in self._entries.items() if rows)
        for name, item in self.records.items():
            if item["status"]["S"] not in ("ended", "cancelled"):
                yield f"maintenance {name} is {item['status']['S']}"

    # Taking notes.

    def _note_inventory(self, key: tuple[str, str], after: Item | None) -> None:
        kind, _, rest = key[0].partition("#")
        name = key[1].partition("#")[2]
        match kind:
            case "MAINTENANCES":
                self._note_record(name, after)
            case "MAINTAINED":
                self._note_taken(rest, name, after)
            case "CORDONS":
                rows = after["cordons"]["L"] if after else []
                entries = [
                    {part: value["S"] for part, value in row["M"].items() if "S" in value} for row in rows
                ]
                self._entries[name] = [entry for entry in entries if entry.get("cause") == "maintenance"]
            case "HOSTS" if after is not None:
                self._layout[rest, name] = [
                    (position, domain, {host[1]: host[0] for host in hosts})
                    for position, domain, _, _, hosts in json.loads(after["domains"]["S"])
                ]
            case "SHAPES":
                self._note_shape((rest.partition("#")[0], name))
            case "CLAIMS":
                self._note_owners((rest.partition("#")[0], name), after or {})

    def _note_record(self, name: str, after: Item | None) -> None:
        if after is None:
            self.records.pop(name, None)
            return
        self.records[name] = after
        if (at := _takes_effect_at(after)) is not None:
            self._noticed.setdefault((name, at), self._now())

    def _note_taken(self, name: str, host: str, after: Item | None) -> None:
        if after is None:
            self.taken.pop((name, host), None)
            return
        held = "held" in after
        if held and (name, host) not in self.taken:
            self._judge_held(name, host)
        self.taken[name, host] = held

    def _judge_held(self, name: str, host: str) -> None:
        record, now = self.records.get(name), self._now()
        if record is None:
            self._tell(f"{host} is taken by {name}, which does not exist")
            return
        if "permits" in record:
            return
        at = _takes_effect_at(record)
        if record["status"]["S"] != "open" or at is None or now + self._skew_seconds < at:
            self._tell(f"{host} is held and was taken by {name} without anybody's word")
        elif now + 2 * self._skew_seconds < self._noticed[name, at] + self._notice_seconds:
            self._tell(f"{host} was taken by {name}, {now - self._noticed[name, at]} s after the notice")

    def _note_shape(self, pod: PodKey) -> None:
        """The shape of a pod was written: it follows the entries of this moment."""
        closed: dict[int, int] = {}
        for position, domain, slots in self._layout.get(pod, ()):
            for entry in self._entries.get(pod[0], ()):
                if entry.get("pod", pod[1]) != pod[1] or entry.get("domain", domain) != domain:
                    continue
                if "host" not in entry:
                    closed[position] = WHOLE
                elif entry["host"] in slots:
                    mask = WHOLE if len(slots) == 1 else gpus_of(1 << slots[entry["host"]])
                    closed[position] = closed.get(position, 0) | mask
        self._closed[pod] = closed

    def _note_owners(self, pod: PodKey, after: Item) -> None:
        now: dict[int, int] = {}
        for position, owners in owners_of(after).items():
            for mask in owners.values():
                now[position] = now.get(position, 0) | mask
        before = self._owned.get(pod, {})
        self._owned[pod] = now
        for position, mask in now.items():
            gained = mask & ~before.get(position, 0)
            if gained & self._closed.get(pod, {}).get(position, 0):
                self._tell(f"{(*pod, position)} is newly owned under a maintenance")

    def _note_servers(self, key: tuple[str, str], after: Item | None) -> None:
        if key[0] == "MAINTAINED":
            name, _, host = key[1].partition(" ")
            if after is None:
                self.maintained[host].discard(name)
            elif name not in self.maintained[host]:
                self.maintained[host].add(name)
                self._judge_maintained(name, host)
        elif key[0].startswith("HOST#") and key[1] == "HOST":
            self._note_holder(key[0].removeprefix("HOST#"), after or {})

    def _judge_maintained(self, name: str, host: str) -> None:
        """A host that was free has no holder at the provider, and was recorded as taken before."""
        held = self.taken.get((name.rpartition("-")[0], host))
        if held is None:
            self._tell(f"{host} is in maintenance {name}, and nobody had noted that it would be")
        elif not held and _is_held(self._holders.get(host, {}), self._now()):
            self._tell(f"{host} is in maintenance {name} as a free host, and is held")

    def _note_holder(self, host: str, after: Item) -> None:
        before = self._holders.get(host, {})
        self._holders[host] = after
        free = [n for n in self.maintained[host] if self.taken.get((n.rpartition("-")[0], host)) is False]
        if free and "server" in after and after["server"] != before.get("server"):
            self._tell(f"{host} got a server in maintenance {free}, as a free host")


def adopted(tables: Mapping[str, Sequence[Item]]) -> list[Change]:
    """The stored items as changes, hardware before what is computed from it."""
    order = ("CORDONS", "HOSTS", "SHAPES", "CLAIMS")
    changes: list[Change] = [
        (table, (item["pk"]["S"], item["sk"]["S"]), None, item)
        for table, items in sorted(tables.items())
        for item in items
    ]
    known = {kind: number for number, kind in enumerate(order)}
    return sorted(changes, key=lambda change: known.get(change[1][0].partition("#")[0], len(order)))


def _takes_effect_at(item: Item) -> int | None:
    force: Any = item.get("force")
    return None if force is None else int(force["M"]["takes_effect_at"]["N"])


def _is_held(holder: Item, now: int) -> bool:
    return bool(holder) and ("gone_at" not in holder or int(holder["gone_at"]["N"]) > now)
