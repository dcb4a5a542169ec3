"""Keeps new holders off what a maintenance is about: entries among the cordons of its region.

Entries are written under the revision of the maintenance, so none appears once it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.inventory.cordons import Cause, Cordon
from gpu_capacity.operations.cordoning import CordonWriter, check_room

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasEvents, HasFleet, HasMaintenances, HasPause, HasTelemetry
    from gpu_capacity.inventory.cordons import Cordons, Target
    from gpu_capacity.inventory.maintenances import Maintenance

    class Needs(HasEvents, HasFleet, HasMaintenances, HasPause, HasTelemetry, Protocol):
        """What the functions of this module work with."""


def announce(services: Needs, maintenance: Maintenance) -> None:
    """See to it that the region has exactly the entries of an active maintenance.

    Raises:
        InvalidRequest: the region has no room for another entry.
        RaceLost: the maintenance has changed since it was read.
        StorageUnavailable: others wrote first in every attempt.
    """
    entries = _entries(maintenance)
    known = services.fleet.cordons(maintenance.region_id).of_maintenance(maintenance.id)
    if set(known) != set(entries):
        _write(services, maintenance, entries, [cordon.target for cordon in (*known, *entries)])


def check_room_for(services: HasFleet, maintenance: Maintenance) -> None:
    """Refuse a maintenance whose entries have no room in its region, as its entries are read now.

    Raises:
        InvalidRequest: there is no room.
    """
    known = services.fleet.cordons(maintenance.region_id)
    check_room(known, known.with_maintenance(maintenance.id, _entries(maintenance)))


def _entries(maintenance: Maintenance) -> tuple[Cordon, ...]:
    return tuple(
        Cordon(
            target,
            maintenance.reason,
            maintenance.created_at,
            maintenance.by,
            Cause.MAINTENANCE,
            maintenance_id=maintenance.id,
        )
        for target in maintenance.targets
    )


def withdraw(services: Needs, maintenance: Maintenance) -> None:
    """Remove the entries of a maintenance that is over.

    Raises:
        RaceLost: the maintenance has changed since it was read.
        StorageUnavailable: others wrote first in every attempt.
    """
    _write(services, maintenance, (), maintenance.targets)


def close_pods(services: Needs, region_id: str, pods: Iterable[str]) -> None:
    """Write the shapes of pods again that do not show yet what is out of sale.

    Raises:
        StorageUnavailable: others wrote first in every attempt.
    """
    CordonWriter(services.fleet, services.pause).write_pods(region_id, pods)


def lift_leftovers(services: Needs) -> int:
    """Remove entries of maintenances that are over or unknown; returns how many maintenances had some.

    Nothing leaves any, except that tables are restored or edited by hand.

    Raises:
        StorageUnavailable: the database did not answer.
    """
    lifted = 0
    for cordons in services.fleet.every_cordon():
        for maintenance_id in cordons.maintenance_ids:
            found = services.maintenances.get(maintenance_id)
            if found is None or found.is_over:
                targets = [cordon.target for cordon in cordons.of_maintenance(maintenance_id)]
                _lift(services, cordons, maintenance_id, targets)
                lifted += 1
    return lifted


def _lift(services: Needs, cordons: Cordons, maintenance_id: str, targets: list[Target]) -> None:
    writer = CordonWriter(services.fleet, services.pause)
    writer.change(cordons.region_id, lambda known: _with(known, maintenance_id, ()))
    services.telemetry.warning(
        "entries of a maintenance lifted that is over", maintenance=maintenance_id, region=cordons.region_id
    )
    writer.write_pods(cordons.region_id, _pods(services, cordons.region_id, targets))
    services.events.freed(cordons.region_id)


def _write(
    services: Needs, maintenance: Maintenance, entries: tuple[Cordon, ...], targets: Collection[Target]
) -> None:
    writer = CordonWriter(services.fleet, services.pause)
    writer.change(
        maintenance.region_id,
        lambda known: _with(known, maintenance.id, entries),
        services.maintenances.unchanged(maintenance),
    )
    writer.write_pods(maintenance.region_id, _pods(services, maintenance.region_id, targets))
    if {*targets} - {entry.target for entry in entries}:
        # Something is for sale again: capacity claims may wait for it.
        services.events.freed(maintenance.region_id)


def _with(known: Cordons, maintenance_id: str, entries: tuple[Cordon, ...]) -> Cordons | None:
    after = known.with_maintenance(maintenance_id, entries)
    return None if after is known else after


def _pods(services: HasFleet, region_id: str, targets: Iterable[Target]) -> set[str]:
    return {pod_id for target in set(targets) for pod_id in services.fleet.pods_with(region_id, target)}
