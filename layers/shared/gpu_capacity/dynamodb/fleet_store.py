"""The fleet in the inventory table: what the sync reads, and the writes it may make.

Every write of the sync names the document it belongs to and demands that no newer one was accepted, so a
run that was overtaken can do no harm, however long it was under way. Ownership is never written: a pod's
claims item gets its version and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import inventory_items, keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.decoding import decoder, second, text, texts, whole
from gpu_capacity.dynamodb.writes import Check, Put, Update
from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.fleet.model import FeedState, StoredFleet
from gpu_capacity.topology.merge import StoredPod

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gpu_capacity.dynamodb.database import Database, Outcome
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.fleet.model import Fleet, PodKey
    from gpu_capacity.topology.merge import PodChange
    from gpu_capacity.topology.model import Pod, PodShape, Region

# Labels of the writes, by which a refusal is told.
FEED: Final = "feed"
CLAIMS: Final = "claims"
SHAPE: Final = "shape"
HOSTS: Final = "hosts"
REGION: Final = "region"

HOSTS_TEXT_BYTES_MAX: Final = 390_000
"""DynamoDB takes 400 KB an item; the rest is for the key and the other attributes."""


def accept_document(table: str, fleet: Fleet) -> Update:
    """Make this the document in use, unless a newer one or another of the same sequence is.

    Accepting it again is allowed: that is how a run that was cut short is repeated. Regions are only ever
    added, so that the pods of every region that was begun are found again.
    """
    values: dict[str, Any] = {
        ":sequence": fleet.sequence,
        ":digest": fleet.digest,
        ":observed_at": fleet.observed_at,
    }
    update = "SET #sequence = :sequence, #digest = :digest, #observed_at = :observed_at"
    names = {"#sequence": "sequence", "#digest": "digest", "#observed_at": "observed_at"}
    if fleet.regions:
        update += " ADD #regions :regions"
        names["#regions"] = "regions"
        values[":regions"] = set(fleet.regions)
    return Update(
        label=FEED,
        table=table,
        key=keys.feed(),
        update=update,
        condition=(
            "attribute_not_exists(#sequence) OR #sequence < :sequence"
            " OR (#sequence = :sequence AND #digest = :digest)"
        ),
        names=names,
        values={name: encode_value(value) for name, value in values.items()},
    )


def change_pod(table: str, sequence: int, before: StoredPod | None, change: PodChange) -> list[Action]:
    """The one transaction that brings a pod up to the document of that sequence.

    Claims are conditional on the version, so from here on nobody places on the pod as it was; and what
    leaves the pod is owned by nobody at this very moment.
    """
    pod, shape = change.pod, change.shape
    if before is None:
        conditions, values = ["attribute_not_exists(#v)"], {}
    else:
        conditions, values = ["#v = :old"], {":old": encode_value(before.pod.version)}
    conditions += [f"attribute_not_exists({keys.domain_attribute(p)})" for p in change.vacated]
    claims = Update(
        label=CLAIMS,
        table=table,
        key=keys.claims(pod.region_id, pod.flavor_id, pod.id),
        update="SET #v = :new",
        condition=" AND ".join(conditions),
        names={"#v": "v"},
        values={":new": encode_value(pod.version), **values},
    )
    return [
        _still_in_use(table, sequence),
        claims,
        Put(SHAPE, table, inventory_items.encode_shape(shape)),
        Put(HOSTS, table, inventory_items.encode_pod(pod)),
    ]


def change_region(table: str, sequence: int, region: Region) -> list[Action]:
    """Replace a region's catalogue entry."""
    return [_still_in_use(table, sequence), Put(REGION, table, inventory_items.encode_region(region))]


def _still_in_use(table: str, sequence: int) -> Check:
    return Check(
        label=FEED,
        table=table,
        key=keys.feed(),
        condition="#sequence = :sequence",
        names={"#sequence": "sequence"},
        values={":sequence": encode_value(sequence)},
    )


def refuse_oversized(pod: Pod) -> None:
    """Refuse a pod that would not fit into one item.

    Raises:
        FeedRefused: ``malformed``.
    """
    text: str = inventory_items.encode_pod(pod)["domains"]["S"]
    if len(text.encode()) > HOSTS_TEXT_BYTES_MAX:
        raise FeedRefused(
            FeedRefusal.MALFORMED, f"pod {pod.region_id}/{pod.id}: too many hosts for one pod; split it"
        )


class FleetStore:
    """Reads and writes the fleet.

    Args:
        database: where the inventory is.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def read(self, regions: Iterable[str]) -> StoredFleet:
        """All that is stored of these regions and of every region that was ever accepted."""
        feed = self._feed()
        region_ids = sorted({*regions, *(feed.regions if feed else ())})
        catalog = self._database.query(self._table, keys.CATALOG_PARTITION, keys.REGION_PREFIX)
        entries = list(self._database.readable(catalog, inventory_items.decode_region))
        pods: dict[PodKey, StoredPod] = {}
        unreadable: set[PodKey] = set()
        for region_id in region_ids:
            found, missing = self._pods(region_id)
            pods |= found
            unreadable |= {(region_id, pod_id) for pod_id in missing}
        return StoredFleet(
            feed=feed,
            regions={entry.id: entry for entry in entries},
            pods=pods,
            unreadable=frozenset(unreadable),
        )

    def read_pod(self, region_id: str, pod_id: str) -> StoredPod | None:
        """One pod as it stands now."""
        item = self._database.get(self._table, keys.hosts(region_id, pod_id))
        if item is None:
            return None
        pod = inventory_items.decode_pod(item)
        shape = self._database.get(self._table, keys.shape(region_id, pod.flavor_id, pod_id))
        claims = self._database.get(self._table, keys.claims(region_id, pod.flavor_id, pod_id))
        return StoredPod(
            pod=pod,
            shape=next(self._database.readable([shape] if shape else [], inventory_items.decode_shape), None),
            held=frozenset(inventory_items.decode_claims(claims).owners) if claims else frozenset(),
        )

    def accept(self, fleet: Fleet) -> Outcome:
        """Commit ``accept_document``."""
        return self._database.commit(accept_document(self._table, fleet))

    def write_pod(self, sequence: int, before: StoredPod | None, change: PodChange) -> Outcome:
        """Commit ``change_pod``."""
        return self._database.commit(*change_pod(self._table, sequence, before, change))

    def write_region(self, sequence: int, region: Region) -> Outcome:
        """Commit ``change_region``."""
        return self._database.commit(*change_region(self._table, sequence, region))

    def _feed(self) -> FeedState | None:
        item = self._database.get(self._table, keys.feed())
        return decode_feed(item) if item else None

    def _pods(self, region_id: str) -> tuple[dict[PodKey, StoredPod], set[str]]:
        """Pods that can be read, and the ids of those that cannot. An unreadable shape is written anew."""
        readable = self._database.readable
        items = list(self._database.query(self._table, keys.hosts_partition(region_id), keys.POD_PREFIX))
        pods = {pod.id: pod for pod in readable(items, inventory_items.decode_pod)}
        unreadable = _pod_ids(items) - pods.keys()
        shapes: dict[tuple[str, str], PodShape] = {}
        held: dict[tuple[str, str], frozenset[int]] = {}
        for flavor_id in sorted({pod.flavor_id for pod in pods.values()}):
            items = list(self._database.query(self._table, keys.shapes_partition(region_id, flavor_id)))
            shapes |= {(s.pod_id, flavor_id): s for s in readable(items, inventory_items.decode_shape)}
            # Ownership last: what is taken here is at least as new as the topology it is merged into.
            items = list(self._database.query(self._table, keys.claims_partition(region_id, flavor_id)))
            owners = {c.pod_id: frozenset(c.owners) for c in readable(items, inventory_items.decode_claims)}
            held |= {(pod_id, flavor_id): positions for pod_id, positions in owners.items()}
            unreadable |= _pod_ids(items) - owners.keys()
        return {
            (region_id, pod.id): StoredPod(
                pod=pod,
                shape=shapes.get((pod.id, pod.flavor_id)),
                held=held.get((pod.id, pod.flavor_id), frozenset()),
            )
            for pod in pods.values()
            if pod.id not in unreadable
        }, unreadable


def _pod_ids(items: Iterable[Mapping[str, Any]]) -> set[str]:
    return {item["sk"].removeprefix(keys.POD_PREFIX) for item in items}


@decoder
def decode_feed(item: Mapping[str, Any]) -> FeedState:
    """The item about the last accepted document."""
    return FeedState(
        sequence=whole(item, "sequence"),
        digest=text(item, "digest"),
        observed_at=second(item, "observed_at"),
        regions=frozenset(texts(item.get("regions", ()))),
    )
