"""Encodes a reservation as an item of the holders table, and decodes it.

Attribute names are short, so that an ordinary record stays below 1 KB and costs one write unit.

An earlier version hashed other ids, and stored the hash as ``topology_hash`` and the digest of the hardware
as ``hardware``. Neither is read any more: the hash of such a record is computed with each read. In turn the
earlier version finds no hash in a record of this one, and computes its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    binary,
    binary_or_none,
    decoder,
    rows,
    second_or_none,
    text,
    text_or_none,
    texts,
    whole,
    whole_or_none,
)
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.holders.items import decode_common, encode_common
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.record import Reservation, Run, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.reservations.record import Hosts

_POSITION_BYTES: Final = 2


def encode_reservation(reservation: Reservation) -> Item:
    """The whole record as an item."""
    named = reservation.named
    return keys.reservation(reservation.organization_id, reservation.id) | encode(
        {
            **encode_common(reservation),
            "status": reservation.status.value,
            "accelerator": reservation.accelerator,
            "unit": reservation.unit,
            "units": reservation.count,
            "hosts_per_unit": reservation.hosts_per_unit,
            "hash": reservation.topology_hash,
            "hash_of": reservation.hardware,
            "provision_attempt": reservation.provision_attempt or None,
            "deadline": reservation.deadline,
            "life": reservation.life,
            "revision": reservation.revision or None,
            "named_pod": named.placement.pod_id if named else None,
            "named_start": named.placement.start if named else None,
            "named_tag": named.tag if named else None,
            "claiming_until": reservation.claiming_until,
            "moved_for": list(reservation.moved_for) or None,
            "checked": reservation.checked_again or None,
            "spare_hosts": reservation.spare_hosts_per_unit or None,
            **{
                keys.occupied_attribute(placement): encode_hosts(hosts)
                for placement, hosts in reservation.occupied.items()
            },
        }
        | _owned(reservation)
    )


def _owned(reservation: Reservation) -> dict[str, Any]:
    """The attributes for what it owns: a run of all its units has attributes of its own, others are rows."""
    runs, leaving = reservation.runs, reservation.leaving
    pod = next((run.placement.pod_id for run in (*runs, *leaving)), None)
    left_pod = next((run.placement.pod_id for run in leaving), pod)
    left = {
        "pod": pod,
        "leaving": _run_rows(leaving),
        "leaving_pod": None if left_pod == pod else left_pod,
    }
    match runs:
        case (Run(placement, tag),) if placement.count == reservation.count:
            # A version before 0.7.0 owned domains by the holder tag, and stored none.
            own = None if tag == holder_tag(reservation.id) else tag
            return left | {"start": placement.start, "tag": own}
        case _:
            return left | {"runs": _run_rows(runs)}


def _run_rows(runs: Sequence[Run]) -> list[list[Any]] | None:
    return [[run.placement.start, run.placement.count, run.tag.hex()] for run in runs] or None


@decoder
def decode_reservation(item: Mapping[str, Any]) -> Reservation:
    """The reservation of an item that is no tombstone."""
    common, named = decode_common(item, keys.RESERVATION_PREFIX), None
    runs = _decode_runs(item, "runs", "pod")
    if "start" in item:
        place = Placement(text(item, "pod"), whole(item, "start"), whole(item, "units"))
        runs = (Run(place, binary_or_none(item, "tag") or holder_tag(common["id"])),)
    if "named_tag" in item:
        place = Placement(text(item, "named_pod"), whole(item, "named_start"), whole(item, "units"))
        named = Run(place, binary(item, "named_tag"))
    return Reservation(
        **common,
        accelerator=text(item, "accelerator"),
        unit=text(item, "unit"),
        count=whole(item, "units"),
        hosts_per_unit=whole(item, "hosts_per_unit"),
        runs=runs,
        topology_hash=text_or_none(item, "hash"),
        hardware=binary_or_none(item, "hash_of"),
        status=Status(text(item, "status")),
        provision_attempt=whole_or_none(item, "provision_attempt") or 0,
        deadline=second_or_none(item, "deadline"),
        life=binary_or_none(item, "life"),
        revision=whole_or_none(item, "revision") or 0,
        leaving=_decode_runs(item, "leaving", "leaving_pod" if "leaving_pod" in item else "pod"),
        moved_for=texts(item.get("moved_for", ())),
        checked_again=whole_or_none(item, "checked") or 0,
        named=named,
        claiming_until=second_or_none(item, "claiming_until"),
        spare_hosts_per_unit=whole_or_none(item, "spare_hosts") or 0,
        occupied={
            occupant: decode_hosts(binary(item, name))
            for name in item
            if (occupant := keys.occupying_placement(name)) is not None
        },
    )


def encode_hosts(hosts: Hosts) -> bytes:
    """Hosts as bytes: the size of a mask, then for each domain its position in two bytes, and the mask."""
    size = max((mask.bit_length() + 7) // 8 for _, mask in hosts)
    rows = (p.to_bytes(_POSITION_BYTES, "big") + mask.to_bytes(size, "big") for p, mask in hosts)
    return bytes([size]) + b"".join(rows)


def decode_hosts(encoded: bytes) -> Hosts:
    """The hosts that these bytes encode.

    Raises:
        ValueError: no hosts do.
    """
    row = _POSITION_BYTES + encoded[0]
    if len(encoded) % row != 1 or row == _POSITION_BYTES:
        raise ValueError("not hosts of domains")
    rows = [encoded[start : start + row] for start in range(1, len(encoded), row)]
    return tuple(
        (int.from_bytes(r[:_POSITION_BYTES], "big"), int.from_bytes(r[_POSITION_BYTES:], "big")) for r in rows
    )


def _decode_runs(item: Mapping[str, Any], name: str, pod: str) -> tuple[Run, ...]:
    return tuple(
        Run(Placement(text(item, pod), start, count), bytes.fromhex(tag))
        for start, count, tag in rows(item.get(name, ()), int, int, str)
    )
