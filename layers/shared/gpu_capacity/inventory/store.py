"""Reads of the inventory: catalogue, snapshots for placement, full topology.

A store lives as long as its execution environment and keeps what it read last. What it keeps is only ever
used for a "yes" that the database validates again; every "no" is decided on a fresh read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.items import (
    PodOwners,
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
)
from gpu_capacity.inventory.model import PodShape
from gpu_capacity.inventory.snapshot import Ownership, Snapshot
from gpu_capacity.placement.slices import SLICE_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.inventory.model import Flavor, Host, Pod, Region
    from gpu_capacity.ports import Clock

Value = TypeVar("Value")

CATALOG_SECONDS_MAX: Final = 60
"""How long a region's catalogue entry is believed. Offerings change with the fleet, not by the minute."""

PODS_KEPT_MAX: Final = 100
"""Pods of which an environment remembers all hosts: with 72 racks of 18 hosts each some 50 MB."""

SHOWN_SECONDS_MAX: Final = 5
"""How old an answer may be that decides nothing: anybody may ask for offers, again and again."""

SNAPSHOT_SECONDS_MAX: Final = 2
"""How long a snapshot is believed. An environment knows what it has claimed itself; what others claim it
learns by a refused write, and what they release only by reading."""

RIVALS_SECONDS: Final = 2
"""How long rivals are expected where a race was lost: some requests long, and gone when the rush is over."""

_SNAPSHOT_READS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where a VM node stands: a host that is alone in its domain, with the shape that it is rented in."""

    region: Region
    flavor: Flavor
    pod_id: str
    position: int
    host: Host

    @property
    def pod(self) -> tuple[str, str, str]:
        """Region id, flavor id and pod id: where its ownership is recorded."""
        return self.region.id, self.flavor.id, self.pod_id

    @property
    def gpus(self) -> int:
        """How many GPUs it has."""
        return self.flavor.gpu.physical_count


@dataclass(frozen=True, slots=True)
class _Kept:
    """A region and flavor as it was seen last: who owns what, by pod, and the snapshot made of that.

    ``read_at`` is when it was read as a whole.
    """

    read_at: int
    claims: Mapping[str, PodOwners]
    snapshot: Snapshot


class InventoryStore:
    """The inventory table, read side.

    Args:
        database: where to read.
        table: name of the inventory table.
        clock: for the age of what is kept.
    """

    def __init__(self, database: Database, table: str, clock: Clock) -> None:
        self._database = database
        self._table = table
        self._clock = clock
        self._regions: dict[str, tuple[int, Region]] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._read: dict[tuple[str, str], Mapping[str, PodOwners]] = {}
        self._pods: dict[tuple[str, str], Pod] = {}
        self._shut: dict[tuple[str, str], int] = {}
        self._lost_at: dict[tuple[str, str], int] = {}
        self._nodes: tuple[int, dict[str, NodePlace]] = (0, {})
        self._shown: dict[str, tuple[int, Any]] = {}

    @property
    def table(self) -> str:
        """The inventory table, for writes that are built elsewhere."""
        return self._table

    def region(self, region_id: str) -> Region | None:
        """A region as it was at most a minute ago; read afresh when it is not known."""
        return self.known_region(region_id) or self.fresh_region(region_id)

    def known_region(self, region_id: str) -> Region | None:
        """A region as it was read at most a minute ago, without a call of the database."""
        read_at, region = self._regions.get(region_id, (0, None))
        return region if self._clock.now() - read_at < CATALOG_SECONDS_MAX else None

    def fresh_region(self, region_id: str) -> Region | None:
        """A region as it is now."""
        item = self._database.get(self._table, keys.region(region_id))
        if item is None:
            self._regions.pop(region_id, None)
            return None
        region = decode_region(item)
        self._regions[region_id] = (self._clock.now(), region)
        return region

    def regions(self) -> list[Region]:
        """Every region as it is now, in id order."""
        items = self._database.query(self._table, keys.CATALOG_PARTITION, keys.REGION_PREFIX)
        return list(self._database.readable(items, decode_region))

    def cached_answer(self, name: str, read: Callable[[], Value]) -> Value:
        """What ``read`` answered under this name at most ``SHOWN_SECONDS_MAX`` ago; not to decide on."""
        read_at, found = self._shown.get(name, (0, None))
        if self._clock.now() - read_at >= SHOWN_SECONDS_MAX:
            found = read()
            self._shown[name] = (self._clock.now(), found)
        kept: Value = found
        return kept

    def snapshot(self, region_id: str, flavor_id: str) -> tuple[Snapshot, bool]:
        """The pods of a region and flavor as they were a few seconds ago, and whether they were read now."""
        kept = self._kept.get((region_id, flavor_id))
        if kept is not None and self._clock.now() - kept.read_at < SNAPSHOT_SECONDS_MAX:
            return kept.snapshot, False
        return self.fresh_snapshot(region_id, flavor_id), True

    def kept_snapshot(self, region_id: str, flavor_id: str) -> Snapshot | None:
        """What is known of the pods without a call of the database, however old."""
        kept = self._kept.get((region_id, flavor_id))
        return kept.snapshot if kept else None

    def fresh_snapshot(self, region_id: str, flavor_id: str) -> Snapshot:
        """The pods of a region and flavor by strongly consistent reads.

        Shapes are only read where the version that stands with the claims is not the one kept.

        Raises:
            StorageUnavailable: the topology kept changing while it was read.
        """
        kept = self._kept.get((region_id, flavor_id))
        shapes = dict(kept.snapshot.shapes) if kept else {}
        for _ in range(_SNAPSHOT_READS_MAX):
            read_at = self._clock.now()
            claims = {claims.pod_id: claims for claims in self._claims(region_id, flavor_id)}
            owned = list(map(ownership_of, claims.values()))
            shut = self._shut_pods(region_id)
            if any(o.pod_id not in shapes or shapes[o.pod_id].version != o.version for o in owned):
                shapes, unreadable = self._shapes(region_id, flavor_id)
                shut |= unreadable
            closed = {o.pod_id: _nothing_of(region_id, flavor_id, o) for o in owned if o.pod_id in shut}
            snapshot = Snapshot.of((shapes | closed).values(), owned)
            if snapshot.stale_pods:
                continue
            self._read[region_id, flavor_id] = claims
            if closed:
                # Not kept: as soon as the pod can be read again, it is sold again.
                self._kept.pop((region_id, flavor_id), None)
            else:
                self._kept[region_id, flavor_id] = _Kept(read_at, claims, snapshot)
            return snapshot
        raise StorageUnavailable("the topology changed while it was read", outcome_unknown=False)

    def note_owners(self, region_id: str, flavor_id: str, item: dict[str, Any]) -> None:
        """Keep a pod's claims that came back with a refused write."""
        claims = next(self._database.readable([item], decode_owners), None)
        if claims is None:
            self.forget_snapshot(region_id, flavor_id)
        else:
            self._see(region_id, flavor_id, claims)

    def note_booking(self, place: tuple[str, str, str], booking: Booking, version: int) -> None:
        """Keep a booking that was just made, on the topology version that it was decided on.

        ``place`` is region id, flavor id and pod id.
        """
        region_id, flavor_id, pod_id = place
        kept = self._kept.get((region_id, flavor_id))
        if kept is not None and pod_id in kept.claims:
            after = replace(kept.claims[pod_id].with_booking(booking), version=version)
            self._see(region_id, flavor_id, after)

    def bookings(self, region_id: str, flavor_id: str) -> list[tuple[str, Booking]]:
        """Every booking of a region and flavor with its pod's id, as they are kept, or were read last."""
        kept = self._kept.get((region_id, flavor_id))
        pods = kept.claims if kept else self._read.get((region_id, flavor_id), {})
        return [(pod.pod_id, booking) for pod in pods.values() for booking in pod.bookings]

    def _see(self, region_id: str, flavor_id: str, claims: PodOwners) -> None:
        """Keep one pod's claims as they are now, in the snapshot just as a read would show them."""
        kept = self._kept.get((region_id, flavor_id))
        if kept is None:
            return
        later = kept.snapshot.seeing(ownership_of(claims))
        if claims.pod_id in later.stale_pods:
            # The topology moved on: only a read of both halves can tell what the pod is like now.
            self._kept.pop((region_id, flavor_id))
        else:
            self._kept[region_id, flavor_id] = _Kept(
                kept.read_at, {**kept.claims, claims.pod_id: claims}, later
            )

    def note_lost_race(self, region_id: str, flavor_id: str) -> None:
        """A write was refused because a rival was faster."""
        self._lost_at[region_id, flavor_id] = self._clock.now()

    def is_contended(self, region_id: str, flavor_id: str) -> bool:
        """Whether a race was lost a moment ago, so that what is kept is old and what is best is contested."""
        lost_at = self._lost_at.get((region_id, flavor_id))
        return lost_at is not None and self._clock.now() - lost_at < RIVALS_SECONDS

    def forget_snapshot(self, region_id: str, flavor_id: str) -> None:
        """Read afresh next time."""
        self._kept.pop((region_id, flavor_id), None)

    def pod_at(self, region_id: str, pod_id: str, version: int) -> Pod | None:
        """A pod's full topology in exactly that version, or ``None`` when it has moved on."""
        kept = self._pods.get((region_id, pod_id))
        if kept is None or kept.version != version:
            kept = next(iter(self.pods({(region_id, pod_id)}).values()), None)
            if kept is not None:
                self._keep(kept)
            else:
                self._shut[region_id, pod_id] = self._clock.now()
        return kept if kept is not None and kept.version == version else None

    def pods(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Pod]:
        """Full topology of pods by (region id, pod id), as it is now."""
        pairs = sorted(set(wanted))
        items = self._database.get_many(self._table, [keys.hosts(*pair) for pair in pairs])
        return {(pod.region_id, pod.id): pod for pod in self._database.readable(items, decode_pod)}

    def pods_in(self, wanted: Mapping[tuple[str, str], int | None]) -> dict[tuple[str, str], Pod]:
        """Full topology of pods: as it is kept where that is the version asked for, else as it is now."""
        found = {
            pair: kept
            for pair, version in wanted.items()
            if (kept := self._pods.get(pair)) is not None and kept.version == version
        }
        read = self.pods(wanted.keys() - found.keys())
        for pod in read.values():
            self._keep(pod)
        return found | read

    def _keep(self, pod: Pod) -> None:
        """Remember full topology, of so many pods that it stays small."""
        if len(self._pods) >= PODS_KEPT_MAX:
            self._pods.clear()
        self._pods[pod.region_id, pod.id] = pod

    def node(self, name: str) -> NodePlace | None:
        """A VM node by its name, as it was at most a minute ago; read afresh when it is not known."""
        return self.known_node(name) or self.nodes().get(name)

    def known_node(self, name: str) -> NodePlace | None:
        """A VM node as it was read at most a minute ago, without a call of the database."""
        read_at, nodes = self._nodes
        return nodes.get(name) if self._clock.now() - read_at < CATALOG_SECONDS_MAX else None

    def nodes(self) -> dict[str, NodePlace]:
        """Every VM node as it is now, by name, in region, pod and position order.

        A VM node is a host of a flavor that is rented as VMs, alone in its domain, with 1, 2, 4 or 8 GPUs.
        Should a name stand twice, the first keeps it.
        """
        found: dict[str, NodePlace] = {}
        for region in self.regions():
            flavors = {f.id: f for f in region.rented_in_slices if f.gpu.physical_count in SLICE_SIZES}
            if not flavors:
                continue
            items = self._database.query(self._table, keys.hosts_partition(region.id), keys.POD_PREFIX)
            for pod in self._database.readable(items, decode_pod):
                for domain in pod.domains if pod.flavor_id in flavors else ():
                    if len(domain.hosts) == 1:
                        place = NodePlace(
                            region, flavors[pod.flavor_id], pod.id, domain.position, domain.hosts[0]
                        )
                        found.setdefault(place.host.name, place)
        self._nodes = (self._clock.now(), found)
        return found

    def observed(
        self, wanted: Iterable[tuple[str, str, str]]
    ) -> tuple[dict[tuple[str, str], PodShape], dict[str, int]]:
        """Shapes of pods by (region id, pod id), and when each of their regions was observed, in one batch.

        Eventually consistent: at half the price, and rarely a second old. Nothing is decided by it.

        Args:
            wanted: (region id, flavor id, pod id) of each pod.
        """
        triples = sorted(set(wanted))
        regions = sorted({region_id for region_id, _, _ in triples})
        items = self._database.get_many(
            self._table,
            [keys.shape(*triple) for triple in triples] + [keys.region(region_id) for region_id in regions],
            consistent=False,
        )
        catalog = [item for item in items if item["pk"] == keys.CATALOG_PARTITION]
        shapes = [item for item in items if item["pk"] != keys.CATALOG_PARTITION]
        return (
            {(s.region_id, s.pod_id): s for s in self._database.readable(shapes, decode_shape)},
            {region.id: region.observed_at for region in self._database.readable(catalog, decode_region)},
        )

    def _claims(self, region_id: str, flavor_id: str) -> Iterable[PodOwners]:
        partition = keys.owners_partition(region_id, flavor_id)
        items = self._database.query(self._table, partition, keys.POD_PREFIX)
        return self._database.readable(items, decode_owners)

    def _shapes(self, region_id: str, flavor_id: str) -> tuple[dict[str, PodShape], set[str]]:
        """Shapes by pod id, and the pods of which they cannot be read."""
        partition = keys.shapes_partition(region_id, flavor_id)
        items = list(self._database.query(self._table, partition, keys.POD_PREFIX))
        found = {shape.pod_id: shape for shape in self._database.readable(items, decode_shape)}
        return found, {item["sk"].removeprefix(keys.POD_PREFIX) for item in items} - found.keys()

    def _shut_pods(self, region_id: str) -> set[str]:
        """Pods whose hosts could not be read a short while ago: nobody could be told what they would get."""
        until = self._clock.now() - CATALOG_SECONDS_MAX
        self._shut = {pod: at for pod, at in self._shut.items() if at > until}
        return {pod_id for region, pod_id in self._shut if region == region_id}


def _nothing_of(region_id: str, flavor_id: str, ownership: Ownership) -> PodShape:
    """The shape of a pod that cannot be read: what it has is owned as recorded, and nothing of it is sold."""
    return PodShape(region_id, ownership.pod_id, flavor_id, ownership.version, ())


def ownership_of(claims: PodOwners) -> Ownership:
    """Owned positions and borders between owners as masks, and apart from them what is owned in part.

    A domain that is owned in part is owned as far as units are concerned, and a host of which GPUs are owned
    is owned as far as single hosts are.
    """
    owned = borders = 0
    maps: dict[int, dict[str, int]] = {}
    for position, owner in claims.owners.items():
        owned |= 1 << position
        if isinstance(owner, dict):
            maps[position] = owner
        elif owner == claims.owners.get(position - 1):
            continue
        borders |= 1 << position
    return Ownership(
        claims.pod_id,
        claims.version,
        owned,
        parts={p: hosts for p, owner in maps.items() if (hosts := _of_level(owner, gpus=False))},
        gpus={p: gpus for p, owner in maps.items() if (gpus := _of_level(owner, gpus=True))},
        borders=borders,
        stamps=claims.stamps,
    )


def _of_level(owner: dict[str, int], *, gpus: bool) -> dict[str, int]:
    return {tag: mask for tag, mask in owner.items() if tag.startswith(keys.GPU_TAG_PREFIX) is gpus}
