"""Encodes a capacity claim as an item of the holders table, and decodes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.record import (
    Allocation,
    CapacityClaim,
    ClaimStatus,
    Condition,
    ZoneReason,
)
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    SCHEMA,
    binary_or_none,
    decoder,
    flag,
    json_list,
    rows,
    second,
    second_or_none,
    text,
    text_or_none,
    texts,
    whole,
    whole_number,
    whole_or_none,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gpu_capacity.holders.store import HolderKey

_CONDITION: Final = (str, str, str, str, str, int)


def encode_claim(claim: CapacityClaim) -> Item:
    """The whole record as an item.

    Allocations are JSON text that names each zone, flavor and pod once, to keep the item below 400 KB: see
    ``INSTANCES_MAX``. ``unsettled`` is set while there is work that does not wait for capacity; it puts the
    item into the sparse index that reconcile reads.
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
            "updated_microsecond": claim.updated_microsecond or None,
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
            "held": keys.held_partition(claim.regions, claim.tag),
            "instance_id_sent": claim.instance_id_sent,
            "zones_sent": None if claim.zones_sent is None else list(claim.zones_sent),
            "schema": SCHEMA,
            "life": claim.life,
            "removal": claim.removal,
        }
    )


@decoder
def decode_claim(item: Mapping[str, Any]) -> CapacityClaim:
    """The claim of an item that is no tombstone."""
    zones = texts(item["zones"])
    zones_sent = texts(item["zones_sent"]) if "zones_sent" in item else None
    if zones_sent is not None and len(zones_sent) != len(zones):
        raise ValueError("not one spelling per zone")
    return CapacityClaim(
        id=item["sk"].removeprefix(keys.CLAIM_PREFIX),
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        name=text(item, "name"),
        instance_id=text(item, "instance_id"),
        instance_count=whole(item, "instance_count"),
        zones=zones,
        capacity_type=text(item, "capacity_type"),
        status=ClaimStatus(text(item, "status")),
        created_at=second(item, "created_at"),
        created_millisecond=whole_or_none(item, "created_millisecond") or 0,
        created_by=text(item, "created_by"),
        updated_at=second(item, "updated_at"),
        updated_microsecond=whole_or_none(item, "updated_microsecond") or 0,
        fingerprint=text(item, "fingerprint"),
        supplied=flag(item, "supplied"),
        counted=flag(item, "counted"),
        allocations=tuple(_ungrouped(json_list(item, "allocations"))),
        conditions=tuple(_condition(*row) for row in rows(json_list(item, "conditions"), *_CONDITION)),
        revision=whole(item, "revision"),
        attempt=whole(item, "attempt"),
        unsettled_since=second_or_none(item, "unsettled_since"),
        instance_id_sent=text_or_none(item, "instance_id_sent"),
        zones_sent=zones_sent,
        removal=text_or_none(item, "removal"),
        life=binary_or_none(item, "life"),
    )


@decoder
def decode_name(item: Mapping[str, Any]) -> str:
    """The id of the claim that a name belongs to."""
    return text(item, "claim")


@decoder
def decode_place(item: Mapping[str, Any]) -> HolderKey | int:
    """An item of a queue: the place of a claim, as (organization id, claim id), or the count of returns."""
    if item["sk"] == keys.QUEUE_RETURNS_SORT_KEY:
        return whole(item, "comebacks")
    return text(item, "organization"), text(item, "claim")


def _grouped(allocations: Iterable[Allocation]) -> list[list[Any]]:
    """``[[zone, flavor, [[pod, [position, hosts, position, hosts, …]], …]], …]``."""
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for a in allocations:
        pods = groups.setdefault((a.zone, a.flavor_id), {})
        pods.setdefault(a.pod_id, []).extend((a.position, a.hosts))
    return [
        [zone, flavor_id, [[pod_id, pairs] for pod_id, pairs in pods.items()]]
        for (zone, flavor_id), pods in groups.items()
    ]


def _ungrouped(groups: list[Any]) -> list[Allocation]:
    """The allocations, in the order of a claim's ``allocations``."""
    found = [
        Allocation(zone, flavor_id, pod_id, whole_number(position), whole_number(hosts))
        for zone, flavor_id, pods in rows(groups, str, str, list)
        for pod_id, pairs in rows(pods, str, list)
        for position, hosts in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return sorted(found, key=lambda a: a.domain)


def _condition(kind: str, zone: str, status: str, reason: str, message: str, updated_at: int) -> Condition:
    if zone:
        # Raises for an unknown reason: the next round reads the reasons of zones again.
        ZoneReason(reason)
    return Condition(kind, zone, status, reason, message, updated_at)


def _shard(claim: CapacityClaim) -> str:
    return str(int(claim.tag, 16) % keys.UNSETTLED_SHARDS)


def _text(values: list[list[Any]]) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)
