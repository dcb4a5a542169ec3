"""Placements for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_capacity.placement.servers import Policy
from gpu_capacity.placements.record import Constraints, Placement, PlacementStatus
from testkit.reservations import RESERVATION_ID
from testkit.world import GB300, ORGANIZATION, PROJECT, REGION

PLACEMENT_ID = "c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"


def placement(**changes: Any) -> Placement:
    """Four hosts of two racks of pod1, just accepted."""
    base = Placement(
        id=PLACEMENT_ID,
        organization_id=ORGANIZATION,
        project_id=PROJECT,
        name="workers",
        description=None,
        tags=(),
        reservation_id=RESERVATION_ID,
        reservation_life=b"lifetime",
        region_id=REGION,
        flavor_id=GB300.id,
        pod_id="pod1",
        network_id="b1946ac9-2492-4d23-8a5b-0c3e7d3d1f11",
        count=4,
        hosts=((2, 0b1101), (3, 0b1)),
        constraints=Constraints(Policy.PACK),
        image_id="ubuntu-24.04",
        status=PlacementStatus.PENDING,
        created_at=1_780_000_000,
        created_by="john.doe@example.com",
        fingerprint="f" * 32,
        life=b"life-one",
        revision=1,
        unsettled_since=1_780_000_000,
    )
    return replace(base, **changes)
