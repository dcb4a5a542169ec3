"""Stored items as plain facts, read without the product's own decoders.

A mistake that the product makes when it writes must not be made again when it is checked: so nothing here is
shared with it beyond the layout of keys and attributes.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from testkit.pods import STAMP_BYTES, is_domain, owned_in_part

if TYPE_CHECKING:
    from collections.abc import Mapping

Item: TypeAlias = dict[str, Any]
PodKey: TypeAlias = tuple[str, str]
"""Region and pod."""

Domain: TypeAlias = tuple[str, str, int]
"""Region, pod, position."""

RecordKey: TypeAlias = tuple[str, str]
"""Partition and sort key of a record."""

Run: TypeAlias = tuple[str, str, int, int]
"""Region, pod, first position, count."""

WHOLE = -1
"""The mask of somebody who owns a domain whole: every bit is set."""

GPUS_PER_HOST = 8
"""Bits of a mask for the host in each slot. A holder of hosts has all of them, one of GPUs those of his."""

GONE, DESTROYED, FAILED, CLAIMING = "gone", "destroyed", "failed", "claiming"
RESERVATION, CLAIM, VM = "RESERVATION#", "CLAIM#", "VM#"


@dataclass(frozen=True, slots=True)
class Record:
    """A holder as its item tells it.

    ``holds`` are masks of GPUs by domain, ``WHOLE`` for all of it. ``uses`` is what it has in quotas, by
    quota, and ``counted`` those in which it says that it is counted. ``tag`` is what stands for it in a pod.
    ``ended`` is true of a tombstone, ``finished`` of one that stands for a holder that came to be. ``life``
    tells it from others under its id. What follows has a reservation alone: the run that it may own besides
    (``named``) by the tag ``named_tag``.
    """

    key: RecordKey
    kind: str
    status: str
    tag: str
    holds: Mapping[Domain, int]
    uses: Mapping[RecordKey, int]
    counted: frozenset[RecordKey]
    revision: int
    server_owner: str
    unsettled: bool
    life: str = ""
    named: Run | None = None
    named_tag: str = ""
    finished: bool = True

    @property
    def runs(self) -> dict[str, Run]:
        """By tag the runs that a reservation owns or may own."""
        found = {self.named_tag: self.named} if self.named else {}
        if self.holds:
            region, pod, first = min(self.holds)
            found[self.tag] = (region, pod, first, len(self.holds))
        return found

    @property
    def ended(self) -> bool:
        """Whether nothing is left of it, or nothing but what tells that it was there."""
        return self.status == GONE or (self.status == DESTROYED and not self.holds and not self.unsettled)


def record_of(key: RecordKey, item: Item) -> Record | None:
    """The record that an item is, ``None`` where it is none."""
    if key[1].startswith(RESERVATION):
        return _reservation(key, item)
    if key[1].startswith(CLAIM):
        return _claim(key, item)
    if key[1].startswith(VM):
        return _vm(key, item)
    return None


def _reservation(key: RecordKey, item: Item) -> Record:
    identity = key[1].removeprefix(RESERVATION)
    status = item["status"]["S"]
    quota = (key[0], f"QUOTA#{item['accelerator']['S']}" if "accelerator" in item else "")
    listed = _run(item, "")
    return Record(
        key=key,
        kind=RESERVATION,
        status=status,
        # Before there were bookings the beginning of its id stood for it.
        tag=item["tag"]["B"].hex() if "tag" in item else identity.replace("-", "")[:16],
        holds=dict.fromkeys(domains_of(listed), WHOLE) if listed else {},
        # Nothing once it has given back all that it had.
        uses={quota: int(item["units"]["N"])} if listed or status == CLAIMING else {},
        counted=frozenset({quota}) if "counted" in item else frozenset(),
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        server_owner=f"{identity}-{item['created_at']['N']}" if "created_at" in item else "",
        unsettled="unsettled" in item,
        life=item["life"]["B"].hex() if "life" in item else "",
        named=_run(item, "named_"),
        named_tag=item["named_tag"]["B"].hex() if "named_tag" in item else "",
        finished="unfinished" not in item,
    )


def _run(item: Item, prefix: str) -> Run | None:
    if f"{prefix}pod" not in item:
        return None
    start, count = int(item[f"{prefix}start"]["N"]), int(item["units"]["N"])
    return item["region"]["S"], item[f"{prefix}pod"]["S"], start, count


def domains_of(run: Run) -> list[Domain]:
    """Every domain of a run."""
    region, pod, first, count = run
    return [(region, pod, first + n) for n in range(count)]


def _claim(key: RecordKey, item: Item) -> Record:
    identity, organization = key[1].removeprefix(CLAIM), key[0].removeprefix("ORG#")
    quota = (key[0], "QUOTA#instances")
    holds: dict[Domain, int] = {}
    if "allocations" in item:
        for zone, _, pods in json.loads(item["allocations"]["S"]):
            for pod, pairs in pods:
                for position, hosts in zip(pairs[::2], pairs[1::2], strict=True):
                    holds[zone, pod, position] = holds.get((zone, pod, position), 0) | gpus_of(hosts)
    return Record(
        key=key,
        kind=CLAIM,
        status=item["status"]["S"],
        tag=hashlib.sha256(f"{organization}#{identity}".encode()).hexdigest()[:16],
        holds=holds,
        uses={quota: int(item["instance_count"]["N"])} if "instance_count" in item else {},
        counted=frozenset({quota}) if "counted" in item else frozenset(),
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        server_owner="",
        unsettled="unsettled" in item,
        life=item["life"]["B"].hex() if "life" in item else "",
        finished="unfinished" not in item,
    )


def _vm(key: RecordKey, item: Item) -> Record:
    if item["status"]["S"] == GONE:
        return _forestalled(key, item)
    identity, gpus = key[1].removeprefix(VM), int(item["gpus"]["N"])
    domain = (item["region_id"]["S"], item["pod_id"]["S"], int(item["position"]["N"]))
    is_over = not gpus and item["status"]["S"] in (DESTROYED, FAILED)
    return Record(
        key=key,
        kind=VM,
        status=item["status"]["S"],
        tag="g" + identity.replace("-", "")[:16],
        holds={domain: gpus} if gpus else {},
        # Stopped or not, as long as it could run again.
        uses={}
        if is_over
        else {(key[0], "QUOTA#vms"): 1, (key[0], "QUOTA#vm_gpus"): int(item["gpu_count"]["N"])},
        counted=frozenset((key[0], f"QUOTA#{word['S']}") for word in item.get("counted", {"L": []})["L"]),
        revision=int(item["revision"]["N"]),
        server_owner=f"{identity}-{item['runs']['N']}",
        unsettled="unsettled" in item,
        life=item["life"]["B"].hex() if "life" in item else "",
    )


def _forestalled(key: RecordKey, item: Item) -> Record:
    """What tells that a VM will never come to be."""
    identity = key[1].removeprefix(VM)
    return Record(
        key=key,
        kind=VM,
        status=GONE,
        tag="g" + identity.replace("-", "")[:16],
        holds={},
        uses={},
        counted=frozenset(),
        revision=0,
        server_owner="",
        unsettled=False,
        life=item["life"]["B"].hex(),
        finished="unfinished" not in item,
    )


def gpus_of(hosts: int) -> int:
    """The GPUs of a mask of hosts."""
    whole = (1 << GPUS_PER_HOST) - 1
    return sum(whole << GPUS_PER_HOST * slot for slot in range(hosts.bit_length()) if hosts >> slot & 1)


@dataclass(frozen=True, slots=True)
class Hardware:
    """A pod's topology: by position the slots with (host id, in service), and what is cordoned."""

    version: int
    slots: Mapping[int, Mapping[int, tuple[str, bool]]] = field(default_factory=dict)
    cordoned: frozenset[int] = frozenset()
    hosts_per_unit: int = 0
    flavor: str = ""

    def whole_hosts(self, position: int, free: int) -> int:
        """Of the GPUs that are free in a domain, those of hosts that somebody could have whole, as a mask."""
        free &= self.usable(position)
        slots = [gpus_of(1 << slot) for slot in self.slots.get(position, {})]
        return sum(gpus for gpus in slots if free & gpus == gpus)

    def usable(self, position: int) -> int:
        """GPUs of a domain that may be given to somebody, as a mask."""
        if position in self.cordoned or position not in self.slots:
            return 0
        return gpus_of(sum(1 << slot for slot, (_, serves) in self.slots[position].items() if serves))

    def is_complete(self, position: int) -> bool:
        """Whether a domain may be sold whole."""
        serving = sum(serves for _, serves in self.slots.get(position, {}).values())
        whole = len(self.slots.get(position, {})) == serving == self.hosts_per_unit
        return whole and position not in self.cordoned

    def keeps(self, position: int, before: Hardware | None) -> bool:
        """Whether every host that stood in a slot of a domain stands there still."""
        had = before.slots.get(position, {}) if before else {}
        have = self.slots.get(position, {})
        return all(slot in have and have[slot][0] == host for slot, (host, _) in had.items())

    def doubles(self) -> list[str]:
        """Hosts that stand in more than one slot of the pod."""
        standing = Counter(host for slots in self.slots.values() for host, _ in slots.values())
        return sorted(host for host, places in standing.items() if places > 1)


def hardware_of(item: Item, sold: Mapping[str, tuple[int, str]]) -> Hardware:
    """A hosts item; ``sold`` tells by flavor how many hosts of which resource class are a unit."""
    hosts_per_unit, resource_class = sold[item["flavor"]["S"]]
    slots: dict[int, dict[int, tuple[str, bool]]] = {}
    cordoned = set()
    for position, _, _, is_cordoned, hosts in json.loads(item["domains"]["S"]):
        slots[position] = {
            slot: (host_id, state == "in_service" and kind == resource_class)
            for slot, host_id, _, kind, state in hosts
        }
        if is_cordoned:
            cordoned.add(position)
    return Hardware(int(item["v"]["N"]), slots, frozenset(cordoned), hosts_per_unit, item["flavor"]["S"])


def owners_of(item: Item) -> dict[int, dict[str, int]]:
    """An ownership item: by position the masks of owners by tag, ``WHOLE`` for one that owns all of it."""
    owners: dict[int, dict[str, int]] = {
        position: {tag: mask if tag.startswith("g") else gpus_of(mask) for tag, mask in parts.items()}
        for position, parts in owned_in_part(item).items()
    }
    for position, value in values_of(item).items():
        if value and len(value) != 2 * STAMP_BYTES:
            owners.setdefault(position, {})[value] = WHOLE
    for tag, (first, count) in bookings_of(item).items():
        for position in range(first, first + count):
            owners.setdefault(position, {})[tag] = WHOLE
    return owners


def bookings_of(item: Item) -> dict[str, tuple[int, int]]:
    """An ownership item: by tag the first position and how many."""
    return {
        urlsafe_b64decode(name[1:]).hex(): (int.from_bytes(value["B"][:2], "big"), value["B"][2])
        for name, value in item.items()
        if name[0] == "b"
    }


def values_of(item: Item) -> dict[int, str]:
    """An ownership item: by position what stands for the domain, empty where that is a map of parts.

    A stamp, or what a holder of before there were bookings owned by.
    """
    return {
        int(name[1:]): value["B"].hex() if "B" in value else ""
        for name, value in item.items()
        if is_domain(name)
    }
