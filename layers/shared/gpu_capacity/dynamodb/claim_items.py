"""A capacity claim's record to an item and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.reservation_items import TOMBSTONE_SECONDS
from gpu_capacity.holders.capacity_claim import Allocation, CapacityClaim, ClaimStatus, Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def encode_claim(claim: CapacityClaim) -> Item:
    """The whole record; it is always written whole, under its revision.

    Allocations are kept as JSON text, zones, flavors and pods named once: see ``INSTANCES_MAX``.
    ``unsettled`` stands for work that does not wait for capacity: see the sparse index.
    """
    unsettled = claim.unsettled_since is not None
    return keys.capacity_claim(claim.organization_id, claim.id) | encode(
        {
            "status": claim.status.value,
            "name": claim.name,
            "instance_id": claim.instance_id,
            "instance_count": claim.instance_count,
            "zones": list(claim.zones),
            "capacity_type": claim.capacity_type,
            "created_at": claim.created_at,
            "created_millisecond": claim.created_millisecond or None,
            "created_by": claim.created_by,
            "updated_at": claim.updated_at,
            "fingerprint": claim.fingerprint,
            "supplied": claim.supplied or None,
            "counted": claim.counted or None,
            "allocations": _text(_grouped(claim.allocations)),
            "conditions": _text(
                [[c.type, c.zone, c.status, c.reason, c.message, c.updated_at] for c in claim.conditions]
            ),
            "revision": claim.revision,
            "attempt": claim.attempt,
            "unsettled": _shard(claim) if unsettled else None,
            "unsettled_since": claim.unsettled_since,
            "instance_id_sent": claim.instance_id_sent,
            "zones_sent": None if claim.zones_sent is None else list(claim.zones_sent),
        }
    )


def decode_claim(item: Mapping[str, Any]) -> CapacityClaim:
    """The record of a claim that is not gone."""
    since, zones_sent = item.get("unsettled_since"), item.get("zones_sent")
    return CapacityClaim(
        id=item["sk"].removeprefix(keys.CLAIM_PREFIX),
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        name=item["name"],
        instance_id=item["instance_id"],
        instance_count=int(item["instance_count"]),
        zones=tuple(item["zones"]),
        capacity_type=item["capacity_type"],
        status=ClaimStatus(item["status"]),
        created_at=int(item["created_at"]),
        created_millisecond=int(item.get("created_millisecond", 0)),
        created_by=item["created_by"],
        updated_at=int(item["updated_at"]),
        fingerprint=item["fingerprint"],
        supplied=item.get("supplied", False),
        counted=item.get("counted", False),
        allocations=tuple(_ungrouped(json.loads(item["allocations"]))),
        conditions=tuple(Condition(*row) for row in json.loads(item["conditions"])),
        revision=int(item["revision"]),
        attempt=int(item["attempt"]),
        unsettled_since=None if since is None else int(since),
        instance_id_sent=item.get("instance_id_sent"),
        zones_sent=None if zones_sent is None else tuple(zones_sent),
    )


def encode_claim_tombstone(claim: CapacityClaim, now: int) -> Item:
    """What stays for a day of a claim whose id the client chose: a late retry must not claim again."""
    return keys.capacity_claim(claim.organization_id, claim.id) | encode(
        {
            "status": ClaimStatus.GONE.value,
            "fingerprint": claim.fingerprint,
            "expires_at": now + TOMBSTONE_SECONDS,
        }
    )


def _grouped(allocations: Iterable[Allocation]) -> list[list[Any]]:
    """``[[zone, flavor, [[pod, [position, hosts, position, hosts, …]], …]], …]``."""
    rows: dict[tuple[str, str], dict[str, list[int]]] = {}
    for a in allocations:
        pods = rows.setdefault((a.zone, a.flavor_id), {})
        pods.setdefault(a.pod_id, []).extend((a.position, a.hosts))
    return [
        [zone, flavor_id, [[pod_id, pairs] for pod_id, pairs in pods.items()]]
        for (zone, flavor_id), pods in rows.items()
    ]


def _ungrouped(rows: list[list[Any]]) -> list[Allocation]:
    """In the order in which a claim keeps them."""
    found = [
        Allocation(zone, flavor_id, pod_id, position, hosts)
        for zone, flavor_id, pods in rows
        for pod_id, pairs in pods
        for position, hosts in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return sorted(found, key=lambda a: a.domain)


def _shard(claim: CapacityClaim) -> str:
    return str(int(claim.tag, 16) % keys.UNSETTLED_SHARDS)


def _text(rows: list[list[Any]]) -> str:
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
