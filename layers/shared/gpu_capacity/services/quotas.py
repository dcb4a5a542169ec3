"""Limits on what an organization may own. Set by operators; customers only ever meet the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.reservation_store import ReservationStore
    from gpu_capacity.holders.reservation import Quota
    from gpu_capacity.ports import Telemetry


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """The quota as it is now, and how many reservations were counted that had not been before."""

    quota: Quota | None
    counted_in: int


def set_quota(
    reservations: ReservationStore,
    telemetry: Telemetry,
    actor: str,
    organization_id: str,
    accelerator: str,
    limit: int,
) -> QuotaChange:
    """Limit an organization to ``limit`` units of an accelerator in all.

    From the moment the limit is written every new reservation is counted. Those made before are counted in
    one by one, each in a transaction that marks it as counted: so it may be cut short and run again. What is
    owned beyond the limit stays owned; the limit only stops new reservations.
    """
    reservations.set_limit(organization_id, accelerator, limit)
    counted_in = 0
    for reservation in reservations.of_organization(organization_id):
        if reservation.accelerator == accelerator and not reservation.counted and reservation.placement:
            counted_in += reservations.count_in(reservation)
    telemetry.audit(
        actor,
        "set_quota",
        f"{organization_id}/{accelerator}",
        "set",
        limit=limit,
        counted_in=counted_in,
    )
    return QuotaChange(reservations.quota(organization_id, accelerator), counted_in)
