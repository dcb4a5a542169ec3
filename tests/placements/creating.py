"""What tests of creating placements share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.placements.create import create_placement
from testkit.placements import wish
from testkit.world import HOLDERS, World, caller

if TYPE_CHECKING:
    from gpu_capacity.placements.observation import ObservedPlacement


def create(world: World, reservation_id: str, count: int = 1, **options: Any) -> ObservedPlacement:
    services = options.pop("services", world.services)
    return create_placement(services, caller(), wish(reservation_id, count), **options)


def records(world: World) -> int:
    """How many placements there are."""
    return sum(item["sk"]["S"].startswith("PLACEMENT#") for item in world.db.table(HOLDERS).items())
