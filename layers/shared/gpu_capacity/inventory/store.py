"""Reads the inventory: the catalogue, snapshots for placement, and full topology.

A store lives as long as its execution environment and caches what it read last. A cached value is only used
to accept, and the database checks that again; every refusal is decided on a fresh read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.items import (
    PodOwners,
    decode_cordons,
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
)
from gpu_capacity.inventory.model import PodShape
from gpu_capacity.inventory.nodes import NodePlace
from gpu_capacity.inventory.snapshot import Ownership, Snapshot
from gpu_capacity.placement.slices import SLICE_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.inventory.bookings import Booking
    from gpu_capacity.inventory.cordons import Cordon
    from gpu_capacity.inventory.model import Pod, Region
    from gpu_capacity.ports import Clock

Value = TypeVar("Value")

CATALOG_SECONDS_MAX: Final = 60
"""How long a region's catalogue entry is used. Offerings change with the fleet, which is rarely."""

PODS_CACHED_MAX: Final = 100
"""Number of pods whose full topology is cached: some 50 MB for pods of 72 racks with 18 hosts each."""

ANSWER_SECONDS_MAX: Final = 5
"""How long an answer is used that decides nothing, such as a list of offers, which callers may read often."""

SNAPSHOT_SECONDS_MAX: Final = 2
"""How long a snapshot is used. An environment adds its own bookings to it. It learns what others have booked
from refused writes, and what they have released only by reading."""

RIVALS_SECONDS: Final = 2
"""How long after a lost race further rivals are expected: as long as some requests take."""

_SNAPSHOT_READS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class _Cached:
    """What is known of a region and flavor: the owners by pod id, and the snapshot made from them.

    ``read_at`` is the time, in seconds since the epoch, at which all pods were read.
    """

    read_at: int
    owners: Mapping[str, PodOwners]
    snapshot: Snapshot


class InventoryStore:
    """Reads the inventory table, and caches what it read.

    Args:
        database: the database to read from.
        table: the name of the inventory table.
        clock: tells the age of cached values.
    """

    def __init__(self, database: Database, table: str, clock: Clock) -> None:
        self._database = database
        self._table = table
        self._clock = clock
        self._regions: dict[str, tuple[int, Region]] = {}
        # By (region id, flavor id).
        self._cached: dict[tuple[str, str], _Cached] = {}
        self._last_read: dict[tuple[str, str], Mapping[str, PodOwners]] = {}
        self._lost_at: dict[tuple[str, str], int] = {}
        # By (region id, pod id).
        self._pods: dict[tuple[str, str], Pod] = {}
        self._unreadable_at: dict[tuple[str, str], int] = {}
        self._nodes: tuple[int, dict[str, NodePlace]] = (0, {})
        self._answers: dict[str, tuple[int, Any]] = {}

    @property
    def table(self) -> str:
        """The name of the inventory table, for writes that are built elsewhere."""
        return self._table

    def region(self, region_id: str) -> Region | None:
        """A region as read at most a minute ago, else as read now. ``None`` if it does not exist."""
        return self.known_region(region_id) or self.fresh_region(region_id)

    def known_region(self, region_id: str) -> Region | None:
        """A region as read at most a minute ago, else ``None``. Does not call the database."""
        read_at, region = self._regions.get(region_id, (0, None))
        return region if self._clock.now() - read_at < CATALOG_SECONDS_MAX else None

    def fresh_region(self, region_id: str) -> Region | None:
        """A region as read now, strongly consistent. ``None`` if it does not exist."""
        item = self._database.get(self._table, keys.region(region_id))
        if item is None:
            self._regions.pop(region_id, None)
            return None
        region = decode_region(item)
        self._regions[region_id] = (self._clock.now(), region)
        return region

    def regions(self) -> list[Region]:
        """Every region as read now, strongly consistent, in id order."""
        items = self._database.query(self._table, keys.CATALOG_PARTITION, keys.REGION_PREFIX)
        return list(self._database.readable(items, decode_region))

    def cached_answer(self, name: str, read: Callable[[], Value]) -> Value:
        """The result of ``read`` under this name, at most ``ANSWER_SECONDS_MAX`` old. Not for decisions."""
        read_at, found = self._answers.get(name, (0, None))
        if self._clock.now() - read_at >= ANSWER_SECONDS_MAX:
            found = read()
            self._answers[name] = (self._clock.now(), found)
        answer: Value = found
        return answer

    def snapshot(self, region_id: str, flavor_id: str) -> tuple[Snapshot, bool]:
        """The pods of a region and flavor, and true if they were read now, false if cached."""
        cached = self._cached.get((region_id, flavor_id))
        if cached is not None and self._clock.now() - cached.read_at < SNAPSHOT_SECONDS_MAX:
            return cached.snapshot, False
        return self.fresh_snapshot(region_id, flavor_id), True

    def cached_snapshot(self, region_id: str, flavor_id: str) -> Snapshot | None:
        """The cached snapshot, of any age; ``None`` if there is none. Does not call the database."""
        cached = self._cached.get((region_id, flavor_id))
        return cached.snapshot if cached else None

    def fresh_snapshot(self, region_id: str, flavor_id: str) -> Snapshot:
        """The pods of a region and flavor by strongly consistent reads.

        Shapes are read only if an ownership item has another version than the cached shape of its pod.

        Raises:
            StorageUnavailable: the topology changed during every read.
        """
        cached = self._cached.get((region_id, flavor_id))
        shapes = dict(cached.snapshot.shapes) if cached else {}
        for _ in range(_SNAPSHOT_READS_MAX):
            read_at = self._clock.now()
            owners = self.owners(region_id, flavor_id)
            owned = list(map(ownership_of, owners.values()))
            unreadable = self._unreadable_pods(region_id)
            if any(o.pod_id not in shapes or shapes[o.pod_id].version != o.version for o in owned):
                shapes, without_shape = self._shapes(region_id, flavor_id)
                unreadable |= without_shape
            empty = {o.pod_id: _empty_shape(region_id, flavor_id, o) for o in owned if o.pod_id in unreadable}
            snapshot = Snapshot.of((shapes | empty).values(), owned)
            if snapshot.stale_pods:
                continue
            self._last_read[region_id, flavor_id] = owners
            if empty:
                # Not cached, so that an unreadable pod is sold again as soon as it can be read.
                self._cached.pop((region_id, flavor_id), None)
            else:
                self._cached[region_id, flavor_id] = _Cached(read_at, owners, snapshot)
            return snapshot
        raise StorageUnavailable("the topology changed while it was read", outcome_unknown=False)

    def owners(self, region_id: str, flavor_id: str) -> dict[str, PodOwners]:
        """Who owns what in the pods of a region and flavor as read now, by pod id. Caches nothing."""
        partition = keys.owners_partition(region_id, flavor_id)
        items = self._database.query(self._table, partition, keys.POD_PREFIX)
        return {owners.pod_id: owners for owners in self._database.readable(items, decode_owners)}

    def note_owners(self, region_id: str, flavor_id: str, item: dict[str, Any]) -> None:
        """Add a pod's ownership item, which a refused write returned, to the cached snapshot."""
        owners = next(self._database.readable([item], decode_owners), None)
        if owners is None:
            self.forget_snapshot(region_id, flavor_id)
        else:
            self._update(region_id, flavor_id, owners)

    def note_booking(self, place: tuple[str, str, str], booking: Booking, version: int) -> None:
        """Add a booking that was just made to the cached snapshot.

        Args:
            place: region id, flavor id and pod id.
            booking: the booking.
            version: the topology version that the booking was decided on.
        """
        region_id, flavor_id, pod_id = place
        cached = self._cached.get((region_id, flavor_id))
        if cached is not None and pod_id in cached.owners:
            after = replace(cached.owners[pod_id].with_booking(booking), version=version)
            self._update(region_id, flavor_id, after)

    def bookings(self, region_id: str, flavor_id: str) -> list[tuple[str, Booking]]:
        """Every booking of a region and flavor with its pod's id, from the cache or the last read."""
        cached = self._cached.get((region_id, flavor_id))
        pods = cached.owners if cached else self._last_read.get((region_id, flavor_id), {})
        return [(pod.pod_id, booking) for pod in pods.values() for booking in pod.bookings]

    def _update(self, region_id: str, flavor_id: str, owners: PodOwners) -> None:
        """Replace the owners of one pod in the cached snapshot, with the same result as a read."""
        cached = self._cached.get((region_id, flavor_id))
        if cached is None:
            return
        later = cached.snapshot.seeing(ownership_of(owners))
        if owners.pod_id in later.stale_pods:
            # The topology has changed, so shape and ownership both have to be read again.
            self._cached.pop((region_id, flavor_id))
        else:
            self._cached[region_id, flavor_id] = _Cached(
                cached.read_at, {**cached.owners, owners.pod_id: owners}, later
            )

    def note_lost_race(self, region_id: str, flavor_id: str) -> None:
        """Remember that a write was refused because a rival was faster."""
        self._lost_at[region_id, flavor_id] = self._clock.now()

    def is_contended(self, region_id: str, flavor_id: str) -> bool:
        """Whether a race was lost recently: then cached values are stale and rivals want the best places."""
        lost_at = self._lost_at.get((region_id, flavor_id))
        return lost_at is not None and self._clock.now() - lost_at < RIVALS_SECONDS

    def forget_snapshot(self, region_id: str, flavor_id: str) -> None:
        """Drop the cached snapshot, so that the next one is read."""
        self._cached.pop((region_id, flavor_id), None)

    def pod_at(self, region_id: str, pod_id: str, version: int) -> Pod | None:
        """A pod's full topology in exactly this version; ``None`` if the pod has another version now."""
        pod = self._pods.get((region_id, pod_id))
        if pod is None or pod.version != version:
            pod = next(iter(self.pods({(region_id, pod_id)}).values()), None)
            if pod is not None:
                self._cache_pod(pod)
            else:
                self._unreadable_at[region_id, pod_id] = self._clock.now()
        return pod if pod is not None and pod.version == version else None

    def pods(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Pod]:
        """Full topology of pods as read now, by (region id, pod id)."""
        pairs = sorted(set(wanted))
        items = self._database.get_many(self._table, [keys.hosts(*pair) for pair in pairs])
        return {(pod.region_id, pod.id): pod for pod in self._database.readable(items, decode_pod)}

    def pods_of(self, region_id: str) -> list[Pod]:
        """Full topology of every pod of a region as read now, in id order. For a whole region only."""
        items = self._database.query(self._table, keys.hosts_partition(region_id), keys.POD_PREFIX)
        return list(self._database.readable(items, decode_pod))

    def pods_in(self, wanted: Mapping[tuple[str, str], int | None]) -> dict[tuple[str, str], Pod]:
        """Full topology of pods: cached ones if they have the wanted version, the others as read now."""
        found = {
            pair: cached
            for pair, version in wanted.items()
            if (cached := self._pods.get(pair)) is not None and cached.version == version
        }
        read = self.pods(wanted.keys() - found.keys())
        for pod in read.values():
            self._cache_pod(pod)
        return found | read

    def _cache_pod(self, pod: Pod) -> None:
        """Cache a pod's full topology. The number of cached pods is limited."""
        if len(self._pods) >= PODS_CACHED_MAX:
            self._pods.clear()
        self._pods[pod.region_id, pod.id] = pod

    def node(self, name: str) -> NodePlace | None:
        """A VM node by its name, as read at most a minute ago, else as read now."""
        return self.known_node(name) or self.nodes().get(name)

    def known_node(self, name: str) -> NodePlace | None:
        """A VM node as read at most a minute ago, else ``None``. Does not call the database."""
        read_at, nodes = self._nodes
        return nodes.get(name) if self._clock.now() - read_at < CATALOG_SECONDS_MAX else None

    def nodes(self) -> dict[str, NodePlace]:
        """Every VM node as read now, by name, in the order of region, pod and position.

        A VM node is a host of a flavor that is rented in slices, alone in its domain, with 1, 2, 4 or 8 GPUs.
        If two nodes have the same name, the first one is returned.
        """
        found: dict[str, NodePlace] = {}
        for region in self.regions():
            flavors = {f.id: f for f in region.rented_in_slices if f.gpu.physical_count in SLICE_SIZES}
            if not flavors:
                continue
            for pod in self.pods_of(region.id):
                for domain in pod.domains if pod.flavor_id in flavors else ():
                    if len(domain.hosts) == 1:
                        place = NodePlace(
                            region, flavors[pod.flavor_id], pod.id, domain.position, domain.hosts[0]
                        )
                        found.setdefault(place.host.name, place)
        self._nodes = (self._clock.now(), found)
        return found

    def observed(
        self, wanted: Iterable[tuple[str, str, str]], regions: Iterable[str] = ()
    ) -> tuple[dict[tuple[str, str], PodShape], dict[str, Region]]:
        """Shapes of pods by (region id, pod id), and their regions by id, in one batch.

        Eventually consistent, which costs half as much and is rarely a second old. Not for decisions.

        Args:
            wanted: (region id, flavor id, pod id) of each pod.
            regions: more regions, of which no pod is wanted.
        """
        triples = sorted(set(wanted))
        regions = sorted({region_id for region_id, _, _ in triples}.union(regions))
        items = self._database.get_many(
            self._table,
            [keys.shape(*triple) for triple in triples] + [keys.region(region_id) for region_id in regions],
            consistent=False,
        )
        catalog = [item for item in items if item["pk"] == keys.CATALOG_PARTITION]
        shapes = [item for item in items if item["pk"] != keys.CATALOG_PARTITION]
        return (
            {(s.region_id, s.pod_id): s for s in self._database.readable(shapes, decode_shape)},
            {region.id: region for region in self._database.readable(catalog, decode_region)},
        )

    def quarantines(self, regions: Iterable[str], *, consistent: bool = False) -> dict[str, Cordon]:
        """The quarantined hosts of regions, by id. Unless ``consistent`` they are not for decisions."""
        items = self._database.get_many(
            self._table,
            [keys.cordons(region_id) for region_id in sorted(set(regions))],
            consistent=consistent,
        )
        found = self._database.readable(items, decode_cordons)
        return {host_id: cordon for cordons in found for host_id, cordon in cordons.quarantines.items()}

    def _shapes(self, region_id: str, flavor_id: str) -> tuple[dict[str, PodShape], set[str]]:
        """Shapes by pod id, and the ids of the pods whose shape cannot be read."""
        partition = keys.shapes_partition(region_id, flavor_id)
        items = list(self._database.query(self._table, partition, keys.POD_PREFIX))
        found = {shape.pod_id: shape for shape in self._database.readable(items, decode_shape)}
        return found, {item["sk"].removeprefix(keys.POD_PREFIX) for item in items} - found.keys()

    def _unreadable_pods(self, region_id: str) -> set[str]:
        """Pods whose hosts could not be read within the last minute. A response could not name the hosts."""
        since = self._clock.now() - CATALOG_SECONDS_MAX
        self._unreadable_at = {pod: at for pod, at in self._unreadable_at.items() if at > since}
        return {pod_id for region, pod_id in self._unreadable_at if region == region_id}


def _empty_shape(region_id: str, flavor_id: str, ownership: Ownership) -> PodShape:
    """The shape for a pod that cannot be read: without domains, so that nothing of it is sold."""
    return PodShape(region_id, ownership.pod_id, flavor_id, ownership.version, ())


def ownership_of(pod: PodOwners) -> Ownership:
    """The owners of a pod as masks.

    A domain that is owned in part counts as owned for units. A host with owned GPUs counts as owned for
    single hosts.
    """
    owned = borders = 0
    maps: dict[int, dict[str, int]] = {}
    for position, owner in pod.owners.items():
        owned |= 1 << position
        if isinstance(owner, dict):
            maps[position] = owner
        elif owner == pod.owners.get(position - 1):
            continue
        borders |= 1 << position
    return Ownership(
        pod.pod_id,
        pod.version,
        owned,
        parts={p: hosts for p, owner in maps.items() if (hosts := _of_level(owner, gpus=False))},
        gpus={p: gpus for p, owner in maps.items() if (gpus := _of_level(owner, gpus=True))},
        borders=borders,
        stamps=pod.stamps,
    )


def _of_level(owner: dict[str, int], *, gpus: bool) -> dict[str, int]:
    return {tag: mask for tag, mask in owner.items() if tag.startswith(keys.GPU_TAG_PREFIX) is gpus}
