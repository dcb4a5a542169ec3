"""What reservations and placements show of maintenances; an addition to the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field

from gpu_capacity.http.rendering import Timestamp, timestamp
from gpu_capacity.inventory.maintenances import MaintenanceStatus
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.holders.notices import Notice


class NoticeRead(Body):
    """A maintenance that is about some of the hosts."""

    model_config = ConfigDict(title="maintenanceNotice")

    id: str
    status: MaintenanceStatus
    start_time: Timestamp
    end_time: Timestamp
    reason: str
    hosts: list[str] = Field(description="The ids of those of the hosts that it is about.")
    forced_time: Timestamp | None = Field(
        default=None, description="From when on the hosts are taken without the owner's word."
    )
    allowed_time: Timestamp | None = Field(
        default=None, description="When the owner allowed it to begin on these hosts."
    )


def notices_read(
    notices: Iterable[Notice], organization_id: str, reservation_id: str, life: bytes | None
) -> list[NoticeRead] | None:
    """The notices of hosts of a reservation; ``None`` if there are none."""
    found = []
    for notice in notices:
        maintenance = notice.maintenance
        force = maintenance.force
        permit = maintenance.permit_of(organization_id, reservation_id, life)
        found.append(
            NoticeRead.model_construct(
                id=maintenance.id,
                status=maintenance.status,
                start_time=timestamp(maintenance.start),
                end_time=timestamp(maintenance.end),
                reason=maintenance.reason,
                hosts=list(notice.hosts),
                forced_time=timestamp(force.takes_effect_at) if force else None,
                allowed_time=timestamp(permit.at) if permit else None,
            )
        )
    return found or None
