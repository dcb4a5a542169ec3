"""Drives reservations the way the workflows do, step by step, without the workflows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.reservations.deprovisioning import (
    begin_deprovisioning,
    complete_deprovisioning,
    delete_unit_servers,
    sweep_servers,
)
from gpu_capacity.reservations.provisioning import (
    abandon_provisioning,
    begin_provisioning,
    check_servers,
    complete_provisioning,
    fail_provisioning,
    pin_unit_servers,
)
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.reservations.releasing import give_back
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from testkit.world import World


def stored(world: World, reservation_id: str, organization_id: str = ORGANIZATION) -> Reservation:
    """The record as it stands."""
    reservation = world.services.reservations.get(organization_id, reservation_id)
    assert reservation is not None
    return reservation


def provision(world: World, reservation_id: str) -> dict[str, Any]:
    """``pending`` to ``provisioned``."""
    begun = begin_provisioning(world.services, ORGANIZATION, reservation_id)
    for position in begun["units"]:
        pin_unit_servers(world.services, ORGANIZATION, reservation_id, position)
    world.clock.advance(world.behaviour.ready_seconds)
    check_servers(world.services, ORGANIZATION, reservation_id)
    return complete_provisioning(world.services, ORGANIZATION, reservation_id)


def fail(world: World, reservation_id: str, message: str = "a server failed") -> dict[str, Any]:
    """``pending`` to ``error``, everything undone."""
    begun = begin_provisioning(world.services, ORGANIZATION, reservation_id)
    for position in begun["units"]:
        pin_unit_servers(world.services, ORGANIZATION, reservation_id, position)
    abandon_provisioning(world.services, ORGANIZATION, reservation_id, message)
    sweep_servers(world.services, ORGANIZATION, reservation_id)
    world.clock.advance(world.behaviour.delete_seconds)
    return fail_provisioning(world.services, ORGANIZATION, reservation_id)


def tear_down(world: World, reservation_id: str) -> dict[str, Any]:
    """``deprovisioning`` to gone."""
    begun = begin_deprovisioning(world.services, ORGANIZATION, reservation_id)
    for position in begun["units"]:
        delete_unit_servers(world.services, ORGANIZATION, reservation_id, position)
    sweep_servers(world.services, ORGANIZATION, reservation_id)
    world.clock.advance(world.behaviour.delete_seconds)
    return complete_deprovisioning(world.services, ORGANIZATION, reservation_id)


def end(services: Services, reservation: Reservation) -> None:
    """Give a reservation's capacity back and remove its record, past its servers and its workflow."""
    give_back(services, reservation)
    going = replace(reservation, status=Status.DEPROVISIONING)
    changed = services.reservations.change(reservation, going)
    assert isinstance(changed, Reservation)
    assert services.reservations.remove(changed, services.clock.now()) is None
