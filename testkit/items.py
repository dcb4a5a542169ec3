"""Stored items as plain facts, read without the product's own decoders.

It shares only the layout of keys and attributes with the product, so that a check does not repeat a mistake
of the write.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

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
"""The mask of the owner of a whole domain: every bit is set."""

STAMP_BYTES = 6
"""Length of a stamp. The owner of a whole domain before there were bookings has 8 bytes."""

GPUS_PER_HOST = 8
"""Bits of a mask for the host in each slot. A holder of hosts has all of them, a holder of GPUs its own."""

GONE, DESTROYED, FAILED, CLAIMING = "gone", "destroyed", "failed", "claiming"
RESERVATION, CLAIM, VM, PLACEMENT = "RESERVATION#", "CLAIM#", "VM#", "PLACEMENT#"
KINDS = (RESERVATION, CLAIM, VM, PLACEMENT)
"""The prefixes of the sort keys of records."""


@dataclass(frozen=True, slots=True)
class Record:
    """A holder, read from its item.

    ``holds`` are masks of GPUs by domain, ``WHOLE`` for a whole domain, and ``flavors`` the flavors of their
    pods. ``uses`` is what it uses of quotas, by quota, and ``counted`` how much its record says it is counted
    with. ``tag`` is the tag of a claim or a VM in a pod. ``ended`` is true for a tombstone, ``finished`` for
    the tombstone of a holder that was acknowledged. ``life`` distinguishes it from others with its id. Only
    reservations have runs, by tag: those that it owns (``owned``), those that its customer has released
    (``leaving``), and the one that it names (``named``).
    """

    key: RecordKey
    kind: str
    status: str
    tag: str
    holds: Mapping[Domain, int]
    uses: Mapping[RecordKey, int]
    counted: Mapping[RecordKey, int]
    revision: int
    server_owner: str
    unsettled: bool
    flavors: Mapping[PodKey, str]
    life: str = ""
    owned: Mapping[str, Run] = field(default_factory=dict)
    leaving: Mapping[str, Run] = field(default_factory=dict)
    named: Mapping[str, Run] = field(default_factory=dict)
    finished: bool = True
    moves: int = 0

    @property
    def hold_owner(self) -> str:
        """The provider's name for who has the holds of the run that a reservation owns."""
        return f"{self.server_owner}.{self.moves}" if self.moves else self.server_owner

    @property
    def hold_owners(self) -> set[str]:
        """The same, and the one for the run that a move is leaving, while there is one."""
        before = f"{self.server_owner}.{self.moves - 1}" if self.moves > 1 else self.server_owner
        return {self.hold_owner, before} if self.moves and self.leaving else {self.hold_owner}

    @property
    def runs(self) -> dict[str, Run]:
        """The runs that a reservation owns or may own, by tag."""
        return {**self.owned, **self.beside}

    @property
    def beside(self) -> dict[str, Run]:
        """The runs that a reservation may own, by tag; a pod need not show them."""
        return {**self.leaving, **self.named}

    def tags_at(self, domain: Domain) -> list[str]:
        """The tags by which it owns something of a domain that it holds."""
        found = [tag for tag, run in self.owned.items() if domain in domains_of(run)]
        return found if self.kind == RESERVATION else [self.tag]

    @property
    def ended(self) -> bool:
        """Whether nothing is left of it, or only its tombstone."""
        return self.status == GONE or (self.status == DESTROYED and not self.holds and not self.unsettled)


def record_of(key: RecordKey, item: Item) -> Record | None:
    """Read the record of an item; ``None`` for other items."""
    if key[1].startswith(RESERVATION):
        return _reservation(key, item)
    if key[1].startswith(CLAIM):
        return _claim(key, item)
    if key[1].startswith(VM):
        return _vm(key, item)
    if key[1].startswith(PLACEMENT):
        return _placement(key, item)
    return None


def _reservation(key: RecordKey, item: Item) -> Record:
    identity = key[1].removeprefix(RESERVATION)
    status = item["status"]["S"]
    quota = (key[0], f"QUOTA#{item['accelerator']['S']}" if "accelerator" in item else "")
    owned, named = _rows(item, "runs", "pod"), {}
    leaving = _rows(item, "leaving", "leaving_pod" if "leaving_pod" in item else "pod")
    if "start" in item:
        # Before there were bookings, its tag was the beginning of its id.
        tag = item["tag"]["B"].hex() if "tag" in item else identity.replace("-", "")[:16]
        owned[tag] = _run(item, "")
    if "named_tag" in item:
        named[item["named_tag"]["B"].hex()] = _run(item, "named_")
    holds = {domain: WHOLE for run in owned.values() for domain in domains_of(run)}
    units = int(item["units"]["N"]) if status == CLAIMING else len(holds)
    return Record(
        key=key,
        kind=RESERVATION,
        status=status,
        tag="",
        holds=holds,
        # Empty once it has released everything.
        uses={quota: units} if units else {},
        counted={quota: units} if "counted" in item else {},
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        server_owner=f"{identity}-{item['created_at']['N']}" if "created_at" in item else "",
        unsettled="unsettled" in item,
        flavors={run[:2]: item["flavor"]["S"] for run in {**owned, **leaving, **named}.values()},
        life=item["life"]["B"].hex() if "life" in item else "",
        owned=owned,
        leaving=leaving,
        named=named,
        finished="unfinished" not in item,
        moves=len(item["moved_for"]["L"]) if "moved_for" in item else 0,
    )


def _run(item: Item, prefix: str) -> Run:
    start, count = int(item[f"{prefix}start"]["N"]), int(item["units"]["N"])
    return item["region"]["S"], item[f"{prefix}pod"]["S"], start, count


def _rows(item: Item, name: str, pod_name: str) -> dict[str, Run]:
    """Runs of a reservation that has released units or moved, by tag."""
    rows = [[next(iter(cell.values())) for cell in row["L"]] for row in item.get(name, {"L": []})["L"]]
    region, pod = item.get("region", {}).get("S", ""), item.get(pod_name, {}).get("S", "")
    return {tag: (region, pod, int(start), int(count)) for start, count, tag in rows}


def domains_of(run: Run) -> list[Domain]:
    """Return every domain of a run."""
    region, pod, first, count = run
    return [(region, pod, first + n) for n in range(count)]


def _claim(key: RecordKey, item: Item) -> Record:
    identity, organization = key[1].removeprefix(CLAIM), key[0].removeprefix("ORG#")
    quota = (key[0], "QUOTA#instances")
    holds: dict[Domain, int] = {}
    flavors: dict[PodKey, str] = {}
    for zone, flavor, pod, position, hosts in allocations_of(item):
        holds[zone, pod, position] = holds.get((zone, pod, position), 0) | gpus_of(hosts)
        flavors[zone, pod] = flavor
    uses = {quota: int(item["instance_count"]["N"])} if "instance_count" in item else {}
    return Record(
        key=key,
        kind=CLAIM,
        status=item["status"]["S"],
        tag=hashlib.sha256(f"{organization}#{identity}".encode()).hexdigest()[:16],
        holds=holds,
        uses=uses,
        counted=uses if "counted" in item else {},
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        server_owner="",
        unsettled="unsettled" in item,
        flavors=flavors,
        life=item["life"]["B"].hex() if "life" in item else "",
        finished="unfinished" not in item,
    )


def allocations_of(item: Item) -> list[tuple[str, str, str, int, int]]:
    """Return the entries of a claim: zone, flavor, pod, position and a mask of hosts, repeated ones too."""
    return [
        (zone, flavor, pod, position, hosts)
        for zone, flavor, pods in json.loads(item.get("allocations", {"S": "[]"})["S"])
        for pod, pairs in pods
        for position, hosts in zip(pairs[::2], pairs[1::2], strict=True)
    ]


def _vm(key: RecordKey, item: Item) -> Record:
    identity = key[1].removeprefix(VM)
    record = Record(
        key=key,
        kind=VM,
        status=item["status"]["S"],
        tag="g" + identity.replace("-", "")[:16],
        holds={},
        uses={},
        counted={},
        revision=0,
        server_owner="",
        unsettled="unsettled" in item,
        flavors={},
        life=item["life"]["B"].hex() if "life" in item else "",
        finished="unfinished" not in item,
    )
    if record.status == GONE:
        # A tombstone of a VM that will never exist.
        return record
    domain = (item["region_id"]["S"], item["pod_id"]["S"], int(item["position"]["N"]))
    gpus = int(item["gpus"]["N"])
    amounts = {(key[0], "QUOTA#vms"): 1, (key[0], "QUOTA#vm_gpus"): int(item["gpu_count"]["N"])}
    counted = {(key[0], f"QUOTA#{word['S']}") for word in item.get("counted", {"L": []})["L"]}
    return replace(
        record,
        holds={domain: gpus} if gpus else {},
        # As long as it could run again, also if stopped.
        uses={} if not gpus and record.status in (DESTROYED, FAILED) else amounts,
        counted={quota: amounts[quota] for quota in counted},
        revision=int(item["revision"]["N"]),
        server_owner=f"{identity}-{item['runs']['N']}",
        flavors={domain[:2]: item["flavor_id"]["S"]},
    )


def _placement(key: RecordKey, item: Item) -> Record:
    """A placement owns nothing of a pod: its hosts are of a reservation; see ``placed``."""
    identity, status = key[1].removeprefix(PLACEMENT), item["status"]["S"]
    uses = {(key[0], "QUOTA#placement_servers"): int(item["servers"]["N"])} if status != GONE else {}
    return Record(
        key=key,
        kind=PLACEMENT,
        status=status,
        tag="",
        holds={},
        uses=uses,
        counted=uses if "counted" in item else {},
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        server_owner=f"{identity}-{item['created_at']['N']}" if "created_at" in item else "",
        unsettled="unsettled" in item,
        flavors={},
        life=item["life"]["B"].hex() if "life" in item else "",
        finished="unfinished" not in item,
    )


def gpus_of(hosts: int) -> int:
    """Convert a mask of hosts to a mask of GPUs."""
    whole = (1 << GPUS_PER_HOST) - 1
    return sum(whole << GPUS_PER_HOST * slot for slot in range(hosts.bit_length()) if hosts >> slot & 1)


@dataclass(frozen=True, slots=True)
class Hardware:
    """A pod's topology: by position the slots with (host id, in service), and the cordoned positions."""

    version: int
    slots: Mapping[int, Mapping[int, tuple[str, bool]]] = field(default_factory=dict)
    cordoned: frozenset[int] = frozenset()
    hosts_per_unit: int = 0
    flavor: str = ""

    def whole_hosts(self, position: int, free: int) -> int:
        """Of a mask of free GPUs, return those of hosts that are free as a whole."""
        free &= self.usable(position)
        slots = [gpus_of(1 << slot) for slot in self.slots.get(position, {})]
        return sum(gpus for gpus in slots if free & gpus == gpus)

    def usable(self, position: int) -> int:
        """Return the GPUs of a domain that may be sold, as a mask."""
        if position in self.cordoned or position not in self.slots:
            return 0
        return gpus_of(sum(1 << slot for slot, (_, serves) in self.slots[position].items() if serves))

    def is_complete(self, position: int) -> bool:
        """Whether a domain may be sold whole."""
        serving = sum(serves for _, serves in self.slots.get(position, {}).values())
        whole = len(self.slots.get(position, {})) == serving == self.hosts_per_unit
        return whole and position not in self.cordoned

    def keeps(self, position: int, before: Hardware | None) -> bool:
        """Whether every slot of a domain still has the host that it had before."""
        had = before.slots.get(position, {}) if before else {}
        have = self.slots.get(position, {})
        return all(slot in have and have[slot][0] == host for slot, (host, _) in had.items())

    def doubles(self) -> list[str]:
        """Return the hosts that are in more than one slot of the pod."""
        standing = Counter(host for slots in self.slots.values() for host, _ in slots.values())
        return sorted(host for host, places in standing.items() if places > 1)


def hardware_of(item: Item, sold: Mapping[str, tuple[int, str]]) -> Hardware:
    """Read a hosts item; ``sold`` has by flavor the number and resource class of the hosts of a unit."""
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
    """Read an ownership item: by position the masks of owners by tag, ``WHOLE`` for a whole domain."""
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
    """Read the bookings of an ownership item: by tag the first position and the count."""
    return {
        urlsafe_b64decode(name[1:]).hex(): (int.from_bytes(value["B"][:2], "big"), value["B"][2])
        for name, value in item.items()
        if name[0] == "b"
    }


def values_of(item: Item) -> dict[int, str]:
    """Read an ownership item: by position the value of the domain's attribute, empty if it is a map of parts.

    The value is a stamp, or the tag of an owner from before there were bookings.
    """
    return {
        int(name[1:]): value["B"].hex() if "B" in value else ""
        for name, value in item.items()
        if is_domain(name)
    }


def owned_whole(item: Item) -> dict[int, bytes]:
    """Return by position the tag of the owner of the whole domain: of a booking, or in the earlier form."""
    return {
        position: bytes.fromhex(tag)
        for position, owners in owners_of(item).items()
        for tag, mask in owners.items()
        if mask == WHOLE
    }


def owned_in_part(item: Mapping[str, Any]) -> dict[int, dict[str, int]]:
    """Return by position the masks of the owners of hosts or GPUs of the domain, by tag."""
    return {
        int(name[1:]): {tag: int(mask["N"]) for tag, mask in value["M"].items()}
        for name, value in item.items()
        if is_domain(name) and "M" in value
    }


def is_domain(name: str) -> bool:
    """Whether an attribute is that of a domain."""
    return name[0] == "d" and name[1:].isdigit()


def without_stamps(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item without stamps of free domains, as if they had never been owned."""
    return {
        name: value
        for name, value in item.items()
        if not (is_domain(name) and "B" in value and len(value["B"]) == STAMP_BYTES)
    }
