"""Placements for tests."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.placement.servers import Policy
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.record import (
    Constraints,
    Placement,
    PlacementStatus,
    StrategyType,
    UpdateStrategy,
)
from gpu_capacity.placements.request import PlacementRequest, PlacementSpec
from testkit.reservations import RESERVATION_ID, provision, reserve, stored
from testkit.world import GB300, ORGANIZATION, PROJECT, REGION, caller

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Reservation
    from testkit.world import World

PLACEMENT_ID = "c20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"
NETWORK = "b1946ac9-2492-4d23-8a5b-0c3e7d3d1f11"


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
        network_id=NETWORK,
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


def wish(reservation_id: str, count: int = 1, **changes: Any) -> PlacementRequest:
    """An ordinary request; ``changes`` are of the spec, ``name`` and ``network_id`` aside."""
    named = {key: changes.pop(key) for key in ("name", "network_id", "tags", "description") if key in changes}
    spec = PlacementSpec(
        count=count,
        constraints=Constraints(Policy.PACK),
        readiness=None,
        image_id="ubuntu-24.04",
        networking=None,
        ssh_certificate_authority_id=None,
        user_data=None,
        strategy=None,
    )
    base = PlacementRequest(
        reservation_id=reservation_id,
        network_id=NETWORK,
        name="workers",
        description=None,
        tags=(),
        spec=replace(spec, **changes),
    )
    return replace(base, **named)


def spec_of(placement: Placement, **changes: Any) -> PlacementSpec:
    """The spec of a placement as the API shows it, with changes."""
    shown = {field.name: getattr(placement, field.name) for field in fields(PlacementSpec)}
    return PlacementSpec(**shown | changes)


def rolling(budget: str | None = None) -> UpdateStrategy:
    """The service puts images on servers, so many at a time."""
    return UpdateStrategy(StrategyType.ROLLING_UPDATE, budget is not None, budget)


def provisioned(world: World, units: int = 2, **changes: Any) -> Reservation:
    """A reservation that placements can take hosts of."""
    made = reserve(world, units, **changes).reservation
    assert provision(world, made.id) == {"outcome": "done"}
    return stored(world, made.id)


def place(world: World, reservation_id: str, count: int = 1, **changes: Any) -> Placement:
    """An ordinary request of an ordinary caller."""
    return create_placement(world.services, caller(), wish(reservation_id, count, **changes)).placement


def found(world: World, placement_id: str, organization_id: str = ORGANIZATION) -> Placement:
    """The record as it stands."""
    record = world.services.placements.get(organization_id, placement_id)
    assert record is not None
    return record
