"""One reservation to vary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.record import Reservation, Status
from testkit.world import GB300, ORGANIZATION, PROJECT, REGION

RESERVATION_ID = "a61b9d5a-701d-4fea-848d-0e345edf16e9"


def reservation(**changes: Any) -> Reservation:
    """Three racks of pod1 from position 2 on, just accepted."""
    base = Reservation(
        id=RESERVATION_ID,
        organization_id=ORGANIZATION,
        project_id=PROJECT,
        name="training",
        description=None,
        tags=(),
        region_id=REGION,
        accelerator="GB300",
        unit="NVL72",
        count=3,
        flavor_id=GB300.id,
        hosts_per_unit=18,
        placement=Placement("pod1", 2, 3),
        topology_hash="sha256:" + "0" * 64,
        status=Status.PENDING,
        created_at=1_780_000_000,
        created_by="john.doe@example.com",
        fingerprint="f" * 32,
        keyed=False,
        counted=False,
        unsettled_since=1_780_000_000,
    )
    return replace(base, **changes)
