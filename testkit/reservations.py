"""What customers do with reservations in a world, and what the workflows do, step by step without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.placement.model import Placement
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.provisioning import abandon_provisioning, provision_reservation
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.reservations.record import Reservation, Run, Status
from gpu_capacity.reservations.release_units import UnitRelease
from gpu_capacity.reservations.releasing import give_back
from testkit.world import GB300, ORGANIZATION, PROJECT, REGION, caller, request

if TYPE_CHECKING:
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.runtime.services import Services
    from testkit.world import World


NOWHERE: frozenset[str] = frozenset()
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
        runs=(Run(Placement("pod1", 2, 3), holder_tag(RESERVATION_ID)),),
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


def reserve(world: World, count: int = 1, *, key: str | None = None, **changes: Any) -> Observed:
    """An ordinary request of an ordinary caller."""
    return create_reservation(world.services, caller(), request(count, **changes), idempotency_key=key)


def delete(world: World, reservation_id: str) -> None:
    """A delete by the same caller."""
    delete_reservation(world.services, caller(), reservation_id, NOWHERE)


def records(world: World) -> list[str]:
    """Statuses of all records, tombstones included."""
    items = world.db.table("holders").items()
    return [item["status"]["S"] for item in items if item["sk"]["S"].startswith("RESERVATION#")]


def stored(world: World, reservation_id: str, organization_id: str = ORGANIZATION) -> Reservation:
    """The record as it stands."""
    reservation = world.services.reservations.get(organization_id, reservation_id)
    assert reservation is not None
    return reservation


def provision(world: World, reservation_id: str) -> dict[str, Any]:
    """``pending`` to ``provisioned``."""
    provision_reservation(world.services, ORGANIZATION, reservation_id)
    world.clock.advance(world.behaviour.ready_seconds)
    return provision_reservation(world.services, ORGANIZATION, reservation_id)


def fail(world: World, reservation_id: str, message: str = "a host is unfit") -> dict[str, Any]:
    """``pending`` to ``error``, everything undone."""
    provision_reservation(world.services, ORGANIZATION, reservation_id)
    abandon_provisioning(world.services, (ORGANIZATION, reservation_id), message)
    provision_reservation(world.services, ORGANIZATION, reservation_id)
    world.clock.advance(world.behaviour.delete_seconds)
    return provision_reservation(world.services, ORGANIZATION, reservation_id)


def tear_down(world: World, reservation_id: str) -> dict[str, Any]:
    """``deprovisioning`` to gone."""
    release_reservation(world.services, ORGANIZATION, reservation_id)
    world.clock.advance(world.behaviour.delete_seconds)
    return release_reservation(world.services, ORGANIZATION, reservation_id)


def unit_release(services: Services, reservation: Reservation, *numbers: int) -> UnitRelease:
    """A request for some of a reservation's units, by number, as a client decides on it now."""
    seen = get_reservation(services, caller(), reservation.id, NOWHERE)
    ids = tuple(reservation.unit_id(reservation.positions[number]) for number in numbers)
    return UnitRelease(seen.topology_hash or "", ids)


def end(services: Services, reservation: Reservation) -> None:
    """Give a reservation's capacity back and remove its record, past its holds and its workflow."""
    give_back(services, reservation)
    going = replace(reservation, status=Status.DEPROVISIONING)
    changed = services.reservations.change(reservation, going)
    assert isinstance(changed, Reservation)
    assert services.reservations.remove(changed, services.clock.now()) is None
