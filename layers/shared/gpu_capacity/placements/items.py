"""Encodes a placement as an item of the holders table, and decodes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    binary,
    binary_or_none,
    decoder,
    flag,
    rows,
    second_or_none,
    text,
    text_or_none,
    texts,
    whole,
    whole_or_none,
)
from gpu_capacity.holders.items import decode_common, encode_common
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.moves import Condemned, Leaving, Moved
from gpu_capacity.placements.record import (
    Constraints,
    Networking,
    Placement,
    PlacementStatus,
    StrategyType,
    Unsatisfiable,
    UpdateStrategy,
)
from gpu_capacity.reservations.items import decode_hosts, encode_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

_SEAT_BYTES: Final = 3


def encode_placement(placement: Placement) -> Item:
    """The whole record as an item."""
    constraints, networking, strategy = placement.constraints, placement.networking, placement.strategy
    return keys.placement(placement.organization_id, placement.id) | encode(
        {
            **encode_common(placement),
            "status": placement.status.value,
            "reservation": placement.reservation_id,
            "reservation_life": placement.reservation_life,
            "pod": placement.pod_id,
            "network": placement.network_id,
            "servers": placement.count,
            "hosts": encode_hosts(placement.hosts),
            "seats": None if placement.seats is None else _seats(placement.seats),
            "moved": [[m.ordinal, m.host_id, m.times, m.since, m.served] for m in placement.moved] or None,
            "leaving": [
                [left.ordinal, left.position, left.slot, left.host_id, left.reason, left.since]
                for left in placement.leaving
            ]
            or None,
            "condemned": [
                [one.ordinal, one.host_id, one.reason, one.sets_aside] for one in placement.condemned
            ]
            or None,
            "served": placement.served,
            "lacking_since": placement.lacking_since,
            "policy": constraints.policy.value,
            "max_skew": constraints.max_skew,
            "min_domains": constraints.min_domains,
            "unsatisfiable": _word(constraints.when_unsatisfiable),
            "readiness": _word(placement.readiness),
            "image": placement.image_id,
            "generation": placement.generation,
            "networking": None if networking is None else _networking(networking),
            "ssh_authority": placement.ssh_certificate_authority_id,
            "user_data": placement.user_data,
            "strategy": strategy.type.value,
            "rolling_update": strategy.rolling_update or None,
            "max_unavailable": strategy.max_unavailable,
            "modified_at": placement.modified_at,
            "modified_by": placement.modified_by,
            "life": placement.life,
            "revision": placement.revision,
        }
    )


@decoder
def decode_placement(item: Mapping[str, Any]) -> Placement:
    """The placement of an item that is no tombstone."""
    return Placement(
        **decode_common(item, keys.PLACEMENT_PREFIX),
        reservation_id=text(item, "reservation"),
        reservation_life=binary_or_none(item, "reservation_life"),
        pod_id=text(item, "pod"),
        network_id=text(item, "network"),
        count=whole(item, "servers"),
        hosts=decode_hosts(binary(item, "hosts")),
        seats=_seats_of(binary(item, "seats")) if "seats" in item else None,
        moved=tuple(Moved(*row) for row in rows(item.get("moved", ()), int, str, int, int, bool)),
        leaving=tuple(Leaving(*row) for row in rows(item.get("leaving", ()), int, int, int, str, str, int)),
        condemned=tuple(Condemned(*row) for row in rows(item.get("condemned", ()), int, str, str, bool)),
        served=_served(item),
        lacking_since=second_or_none(item, "lacking_since"),
        constraints=Constraints(
            Policy(text(item, "policy")),
            whole_or_none(item, "max_skew"),
            whole_or_none(item, "min_domains"),
            Unsatisfiable(text(item, "unsatisfiable")) if "unsatisfiable" in item else None,
        ),
        readiness=Readiness(text(item, "readiness")) if "readiness" in item else None,
        image_id=text(item, "image"),
        generation=whole(item, "generation"),
        networking=_networking_of(item["networking"]) if "networking" in item else None,
        ssh_certificate_authority_id=text_or_none(item, "ssh_authority"),
        user_data=binary_or_none(item, "user_data"),
        strategy=UpdateStrategy(
            StrategyType(text(item, "strategy")),
            flag(item, "rolling_update"),
            text_or_none(item, "max_unavailable"),
        ),
        status=PlacementStatus(text(item, "status")),
        modified_at=second_or_none(item, "modified_at"),
        modified_by=text_or_none(item, "modified_by"),
        life=binary(item, "life"),
        revision=whole(item, "revision"),
    )


def _seats(seats: Sequence[tuple[int, int]]) -> bytes:
    """Two bytes for each position and one for each slot, in order of ordinals."""
    return b"".join(position.to_bytes(2, "big") + bytes([slot]) for position, slot in seats)


def _seats_of(encoded: bytes) -> tuple[tuple[int, int], ...]:
    if len(encoded) % _SEAT_BYTES:
        raise ValueError("not seats of servers")
    seats = (encoded[start : start + _SEAT_BYTES] for start in range(0, len(encoded), _SEAT_BYTES))
    return tuple((int.from_bytes(seat[:2], "big"), seat[2]) for seat in seats)


def _served(item: Mapping[str, Any]) -> int:
    """The latest generation that a server was up with. Earlier versions did not store it."""
    if "served" in item:
        return whole(item, "served")
    return whole(item, "generation") if item["status"] == PlacementStatus.PROVISIONED else 0


def _word(value: StrEnum | None) -> str | None:
    return None if value is None else value.value


def _networking(networking: Networking) -> dict[str, Any]:
    """A map of what was sent: an empty list is kept, and an absent one stays absent."""
    sent = {
        "sources": networking.allowed_source_addresses,
        "public_ip": networking.public_ip,
        "groups": networking.security_groups,
    }
    return {name: list(v) if isinstance(v, tuple) else v for name, v in sent.items() if v is not None}


def _networking_of(value: Mapping[str, Any]) -> Networking:
    return Networking(
        texts(value["sources"]) if "sources" in value else None,
        flag(value, "public_ip") if "public_ip" in value else None,
        texts(value["groups"]) if "groups" in value else None,
    )
