"""Reads and writes of the sync in the inventory table.

Every write of the sync names the document it belongs to and demands that no newer document was accepted. So a
run for an older document can do no harm, however late its writes arrive. The sync never writes ownership: it
sets only the version in a pod's ownership item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.decoding import decoder, second, text, texts, whole
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.inventory import items as inventory_items
from gpu_capacity.inventory.cordons import Cordons
from gpu_capacity.inventory.fleet.model import DIGEST_FORM, FeedState, StoredFleet
from gpu_capacity.inventory.merge import StoredPod

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.dynamodb.database import Database, Outcome
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.inventory.cordons import Target
    from gpu_capacity.inventory.fleet.model import Fleet, PodKey, ReportedRegion
    from gpu_capacity.inventory.items import PodOwners
    from gpu_capacity.inventory.merge import PodChange
    from gpu_capacity.inventory.model import Pod, PodShape, Region

# Labels of the writes. A refusal names the labels of the writes whose condition failed.
FEED: Final = "feed"
OWNERS: Final = "owners"
SHAPE: Final = "shape"
HOSTS: Final = "hosts"
LEFT_OWNERS: Final = "owners of the old flavor"
LEFT_SHAPE: Final = "shape of the old flavor"
REGION: Final = "region"
CORDONS: Final = "cordons"

RESET: Final = "reset"
"""Stored instead of a digest when an operator has set the sequence, so that no document belongs to it."""


def accept_document(table: str, fleet: Fleet) -> Update:
    """Make this the document in use, unless a newer one is, or a different one with the same sequence.

    Accepting the same document again is allowed, so that an interrupted run can be repeated. Digests of
    different forms cannot be compared; the document is then taken to be the same. Regions are only added, so
    that later runs find the pods of every region that a run has begun.
    """
    values: dict[str, Any] = {
        ":sequence": fleet.sequence,
        ":digest": fleet.digest,
        ":observed_at": fleet.observed_at,
        ":form": DIGEST_FORM,
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
            " OR (#sequence = :sequence AND (#digest = :digest OR NOT begins_with(#digest, :form)))"
        ),
        names=names,
        values={name: encode_value(value) for name, value in values.items()},
    )


def change_pod(
    table: str, sequence: int | None, before: StoredPod | None, change: PodChange, cordons: Cordons
) -> list[Action]:
    """The one transaction that changes a pod to match the document of this sequence.

    Without a sequence it follows no document, and only writes the shape again: of the pod as it was read.

    Writes that take domains are conditional on the version, so after this transaction no holder can take
    hardware on the basis of the old topology. The conditions also ensure that removed hardware has no owner
    at this moment. A pod that changes its flavor is empty, so none of it is owned; its items under the old
    flavor are deleted.

    Args:
        table: the inventory table.
        sequence: of the document, if any.
        before: the pod as read; ``None`` if it is new.
        change: the new state of the pod.
        cordons: what is out of sale, on which the change was decided.
    """
    pod, shape = change.pod, change.shape
    moved = before if before and before.pod.flavor_id != pod.flavor_id else None
    if before is None or moved:
        conditions, values = ["attribute_not_exists(#v)"], {}
    else:
        conditions, values = ["#v = :old"], {":old": encode_value(before.pod.version)}
    stamps = before.stamps if before and not moved else {}
    for position in change.vacated:
        # If the domain was booked since the pod was read, it has another stamp.
        domain = keys.domain_attribute(position)
        if position in stamps:
            conditions.append(f"{domain} = :s{position}")
            values[f":s{position}"] = encode_value(stamps[position])
        else:
            conditions.append(f"attribute_not_exists({domain})")
    owners = Update(
        label=OWNERS,
        table=table,
        key=keys.owners(pod.region_id, pod.flavor_id, pod.id),
        update="SET #v = :new",
        condition=" AND ".join(conditions),
        names={"#v": "v"},
        values={":new": encode_value(pod.version), **values},
    )
    return [
        *([] if sequence is None else [_still_in_use(table, sequence)]),
        _still_cordoned(table, cordons),
        owners,
        Put(SHAPE, table, inventory_items.encode_shape(shape)),
        Put(HOSTS, table, inventory_items.encode_pod(pod)),
        *(_leave_flavor(table, moved.pod) if moved else ()),
    ]


def _leave_flavor(table: str, pod: Pod) -> list[Action]:
    place = (pod.region_id, pod.flavor_id, pod.id)
    version = {":old": encode_value(pod.version)}
    return [
        Delete(LEFT_OWNERS, table, keys.owners(*place), "#v = :old", {"#v": "v"}, version),
        Delete(LEFT_SHAPE, table, keys.shape(*place)),
    ]


def change_region(table: str, sequence: int, region: Region) -> list[Action]:
    """The transaction that replaces a region's catalogue entry."""
    return [_still_in_use(table, sequence), Put(REGION, table, inventory_items.encode_region(region))]


def remove_region(table: str, sequence: int, region_id: str) -> list[Action]:
    """The transaction that removes a region's catalogue entry."""
    return [_still_in_use(table, sequence), Delete(REGION, table, keys.region(region_id))]


def reset_sequence(table: str, before: FeedState, sequence: int) -> Update:
    """Replace the sequence of the accepted document, and forget its content.

    Runs for the document in use end at their next write.
    """
    return Update(
        label=FEED,
        table=table,
        key=keys.feed(),
        update="SET #sequence = :after, #digest = :reset",
        condition="#sequence = :before",
        names={"#sequence": "sequence", "#digest": "digest"},
        values={
            name: encode_value(value)
            for name, value in {":after": sequence, ":before": before.sequence, ":reset": RESET}.items()
        },
    )


def _still_in_use(table: str, sequence: int) -> Check:
    return Check(
        label=FEED,
        table=table,
        key=keys.feed(),
        condition="#sequence = :sequence",
        names={"#sequence": "sequence"},
        values={":sequence": encode_value(sequence)},
    )


def change_cordons(table: str, before: Cordons, after: Cordons) -> Put:
    """The write that replaces a region's cordons, if they are as they were read."""
    unchanged = _still_cordoned(table, before)
    return Put(
        CORDONS,
        table,
        inventory_items.encode_cordons(after),
        unchanged.condition,
        unchanged.names,
        unchanged.values,
    )


def _still_cordoned(table: str, cordons: Cordons) -> Check:
    """A pod is written only under the cordons on which its shape was decided, however late the write is."""
    found = cordons.revision > 0
    return Check(
        label=CORDONS,
        table=table,
        key=keys.cordons(cordons.region_id),
        condition="#v = :revision" if found else "attribute_not_exists(#v)",
        names={"#v": "v"},
        values={":revision": encode_value(cordons.revision)} if found else {},
    )


class FleetStore:
    """Reads and writes the fleet.

    Args:
        database: the database that has the inventory.
        table: the name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def read(self, regions: Iterable[str] | Mapping[str, ReportedRegion]) -> StoredFleet:
        """Everything that is stored of these regions and of all regions that were ever accepted.

        If the caller passes what is reported of the regions, stored pods with the same text are not decoded:
        they get the reported domains.
        """
        feed = self.feed()
        reported = regions if isinstance(regions, Mapping) else {}
        region_ids = sorted({*regions, *(feed.regions if feed else ())})
        catalog = self._database.query(self._table, keys.CATALOG_PARTITION, keys.REGION_PREFIX)
        entries = list(self._database.readable(catalog, inventory_items.decode_region))
        # Before the pods: a cordon that is newer than a pod refuses the write of the pod.
        cordons = {found.region_id: found for found in self.every_cordon()}
        pods: dict[PodKey, StoredPod] = {}
        unreadable: set[PodKey] = set()
        for region_id in region_ids:
            found, missing = self._pods(region_id, reported.get(region_id))
            pods |= found
            unreadable |= {(region_id, pod_id) for pod_id in missing}
        return StoredFleet(
            feed=feed,
            regions={entry.id: entry for entry in entries},
            pods=pods,
            unreadable=frozenset(unreadable),
            cordons=cordons,
        )

    def read_pod(self, region_id: str, pod_id: str) -> StoredPod | None:
        """One pod as read now; ``None`` if it does not exist."""
        item = self._database.get(self._table, keys.hosts(region_id, pod_id))
        if item is None:
            return None
        pod = inventory_items.decode_pod(item)
        shape = self._database.get(self._table, keys.shape(region_id, pod.flavor_id, pod_id))
        item = self._database.get(self._table, keys.owners(region_id, pod.flavor_id, pod_id))
        return _stored(
            pod,
            next(self._database.readable([shape] if shape else [], inventory_items.decode_shape), None),
            inventory_items.decode_owners(item) if item else None,
        )

    def region(self, region_id: str) -> Region | None:
        """A region's catalogue entry as read now; ``None`` if there is none."""
        item = self._database.get(self._table, keys.region(region_id))
        return inventory_items.decode_region(item) if item else None

    def pods_with(self, region_id: str, target: Target) -> list[str]:
        """The ids of the region's readable pods that have this target or are part of it, in order."""
        items = self._database.query(self._table, keys.hosts_partition(region_id), keys.POD_PREFIX)
        pods = self._database.readable(items, inventory_items.decode_pod)
        return [pod.id for pod in pods if target.is_in(pod)]

    def every_cordon(self) -> list[Cordons]:
        """What is out of sale in every region that has any such entry, or had.

        Raises:
            UnreadableItem: those of a region cannot be read. Then nothing must be sold that they may cover.
        """
        found = self._database.query(self._table, keys.CORDONS_PARTITION, keys.REGION_PREFIX)
        return [inventory_items.decode_cordons(item) for item in found]

    def cordons(self, region_id: str) -> Cordons:
        """What is out of sale in a region, as read now.

        Raises:
            UnreadableItem: they cannot be read.
        """
        item = self._database.get(self._table, keys.cordons(region_id))
        return inventory_items.decode_cordons(item) if item else Cordons(region_id)

    def write_cordons(self, before: Cordons, after: Cordons, *beside: Action) -> Outcome:
        """Commit ``change_cordons``, with other actions in one transaction."""
        return self._database.commit(change_cordons(self._table, before, after), *beside)

    def accept(self, fleet: Fleet) -> Outcome:
        """Commit ``accept_document``."""
        return self._database.commit(accept_document(self._table, fleet))

    def write_pod(
        self, sequence: int | None, before: StoredPod | None, change: PodChange, cordons: Cordons
    ) -> Outcome:
        """Commit ``change_pod``."""
        return self._database.commit(*change_pod(self._table, sequence, before, change, cordons))

    def write_region(self, sequence: int, region: Region) -> Outcome:
        """Commit ``change_region``."""
        return self._database.commit(*change_region(self._table, sequence, region))

    def remove_region(self, sequence: int, region_id: str) -> Outcome:
        """Commit ``remove_region``."""
        return self._database.commit(*remove_region(self._table, sequence, region_id))

    def reset_sequence(self, before: FeedState, sequence: int) -> Outcome:
        """Commit ``reset_sequence``."""
        return self._database.commit(reset_sequence(self._table, before, sequence))

    def owners(self, pod: Pod) -> Mapping[int, bytes | dict[str, int]]:
        """The owners in a pod, in the form of ``PodOwners.owners``."""
        item = self._database.get(self._table, keys.owners(pod.region_id, pod.flavor_id, pod.id))
        return inventory_items.decode_owners(item).owners if item else {}

    def feed(self) -> FeedState | None:
        """The last accepted document; ``None`` if there is none."""
        item = self._database.get(self._table, keys.feed())
        return decode_feed(item) if item else None

    def _pods(
        self, region_id: str, reported: ReportedRegion | None
    ) -> tuple[dict[PodKey, StoredPod], set[str]]:
        """The readable pods, and the ids of the others. An unreadable shape is treated as absent."""
        readable = self._database.readable
        items = list(self._database.query(self._table, keys.hosts_partition(region_id), keys.POD_PREFIX))
        pods = {pod.id: pod for pod in readable(items, decoder(partial(_decode_pod, reported=reported)))}
        unreadable = _pod_ids(items) - pods.keys()
        shapes: dict[tuple[str, str], PodShape] = {}
        owners: dict[tuple[str, str], PodOwners] = {}
        for flavor_id in sorted({pod.flavor_id for pod in pods.values()}):
            items = list(self._database.query(self._table, keys.shapes_partition(region_id, flavor_id)))
            shapes |= {(s.pod_id, flavor_id): s for s in readable(items, inventory_items.decode_shape)}
            # Read ownership last, so that it is at least as new as the topology that it is merged into.
            items = list(self._database.query(self._table, keys.owners_partition(region_id, flavor_id)))
            owned = {c.pod_id: c for c in readable(items, inventory_items.decode_owners)}
            owners |= {(pod_id, flavor_id): found for pod_id, found in owned.items()}
            unreadable |= _pod_ids(items) - owned.keys()
        return {
            (region_id, pod.id): _stored(
                pod, shapes.get((pod.id, pod.flavor_id)), owners.get((pod.id, pod.flavor_id))
            )
            for pod in pods.values()
            if pod.id not in unreadable
        }, unreadable


def _stored(pod: Pod, shape: PodShape | None, owners: PodOwners | None) -> StoredPod:
    if owners is None:
        return StoredPod(pod, shape, frozenset())
    return StoredPod(pod, shape, frozenset(owners.owners), owners.stamps)


def _decode_pod(item: Mapping[str, Any], reported: ReportedRegion | None) -> Pod:
    """Decode a stored pod. If the reported pod has the same text, its domains are used without decoding."""
    pod_id = item["sk"].removeprefix(keys.POD_PREFIX)
    digest = reported.digests.get(pod_id) if reported else None
    stored = item.get("domains")
    if reported and isinstance(stored, str) and digest == hashlib.sha256(stored.encode()).digest():
        return inventory_items.pod_of(item, reported.pods[pod_id].domains)
    return inventory_items.pod_of(item)


def _pod_ids(items: Iterable[Mapping[str, Any]]) -> set[str]:
    return {item["sk"].removeprefix(keys.POD_PREFIX) for item in items}


@decoder
def decode_feed(item: Mapping[str, Any]) -> FeedState:
    """Decode the item about the last accepted document."""
    return FeedState(
        sequence=whole(item, "sequence"),
        digest=text(item, "digest"),
        observed_at=second(item, "observed_at"),
        regions=frozenset(texts(item.get("regions", ()))),
    )
