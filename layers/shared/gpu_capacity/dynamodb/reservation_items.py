"""A reservation's record to an item and back.

Names are short where they can be, so that an ordinary record stays below 1 KB and costs one write unit.
``unsettled`` and ``unsettled_since`` exist only while a workflow has something to do: they are the keys of
the sparse index that reconcile reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.holders.reservation import UNSETTLED, Quota, Reservation, Status, Tag
from gpu_capacity.placement.model import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping

TOMBSTONE_SECONDS: Final = 24 * 3600
"""How long an idempotency key is remembered after its reservation is gone."""


def encode_reservation(reservation: Reservation) -> Item:
    """The whole record, as it is first written."""
    placement = reservation.placement
    unsettled = reservation.status in UNSETTLED
    return keys.reservation(reservation.organization_id, reservation.id) | encode(
        {
            "status": reservation.status.value,
            "project": reservation.project_id,
            "name": reservation.name,
            "description": reservation.description or None,
            "tags": [[tag.name, tag.value] for tag in reservation.tags] or None,
            "region": reservation.region_id,
            "accelerator": reservation.accelerator,
            "unit": reservation.unit,
            "units": reservation.count,
            "flavor": reservation.flavor_id,
            "hosts_per_unit": reservation.hosts_per_unit,
            "pod": placement.pod_id if placement else None,
            "start": placement.start if placement else None,
            "topology_hash": reservation.topology_hash,
            "created_at": reservation.created_at,
            "created_by": reservation.created_by,
            "fingerprint": reservation.fingerprint,
            "keyed": reservation.keyed or None,
            "counted": reservation.counted or None,
            "attempt": reservation.attempt,
            "provision_attempt": reservation.provision_attempt or None,
            "deadline": reservation.deadline,
            "failure": reservation.failure,
            "deleted_at": reservation.deleted_at,
            "unsettled": keys.unsettled_shard(reservation.id) if unsettled else None,
            "unsettled_since": reservation.unsettled_since if unsettled else None,
        }
    )


def decode_reservation(item: Mapping[str, Any]) -> Reservation:
    """The record of a reservation that is not gone."""
    pod = item.get("pod")
    return Reservation(
        id=item["sk"].removeprefix(keys.RESERVATION_PREFIX),
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        project_id=item["project"],
        name=item["name"],
        description=item.get("description"),
        tags=tuple(Tag(name, value) for name, value in item.get("tags", ())),
        region_id=item["region"],
        accelerator=item["accelerator"],
        unit=item["unit"],
        count=int(item["units"]),
        flavor_id=item["flavor"],
        hosts_per_unit=int(item["hosts_per_unit"]),
        placement=Placement(pod, int(item["start"]), int(item["units"])) if pod is not None else None,
        topology_hash=item.get("topology_hash"),
        status=Status(item["status"]),
        created_at=int(item["created_at"]),
        created_by=item["created_by"],
        fingerprint=item["fingerprint"],
        keyed=item.get("keyed", False),
        counted=item.get("counted", False),
        attempt=int(item["attempt"]),
        provision_attempt=int(item.get("provision_attempt", 0)),
        unsettled_since=_whole(item.get("unsettled_since")),
        deadline=_whole(item.get("deadline")),
        failure=item.get("failure"),
        deleted_at=_whole(item.get("deleted_at")),
    )


def encode_tombstone(reservation: Reservation, now: int) -> Item:
    """What stays of a reservation whose id stands for an idempotency key.

    A retry of the POST that comes late must not reserve racks again. DynamoDB removes it by ``expires_at``.
    """
    return keys.reservation(reservation.organization_id, reservation.id) | encode(
        {
            "status": Status.GONE.value,
            "fingerprint": reservation.fingerprint,
            "expires_at": now + TOMBSTONE_SECONDS,
        }
    )


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether the reservation is gone."""
    return bool(item["status"] == Status.GONE.value)


def decode_quota(item: Mapping[str, Any]) -> Quota:
    """An organization's quota on one accelerator."""
    return Quota(
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        subject=item["sk"].removeprefix("QUOTA#"),
        limit=int(item["limit"]),
        used=int(item["used"]),
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
