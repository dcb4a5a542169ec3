"""List maintenances, and show one with its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound

if TYPE_CHECKING:
    from gpu_capacity.holders.roles import HasMaintenances
    from gpu_capacity.inventory.maintenances import MaintainedHost, Maintenance, MaintenanceStatus


def list_maintenances(
    services: HasMaintenances, regions: frozenset[str], statuses: frozenset[MaintenanceStatus]
) -> list[Maintenance]:
    """The maintenances of these regions in these statuses, of any if none are named; by their beginnings.

    Those that are over are listed for 30 days.
    """
    found = [
        maintenance
        for maintenance in services.maintenances.every()
        if (not regions or maintenance.region_id in regions)
        and (not statuses or maintenance.status in statuses)
    ]
    return sorted(found, key=lambda maintenance: (maintenance.start, maintenance.id))


def get_maintenance(
    services: HasMaintenances, maintenance_id: str
) -> tuple[Maintenance, list[MaintainedHost]]:
    """A maintenance, and the hosts that it has taken, in the order of their ids.

    Raises:
        NotFound: there is no such maintenance.
    """
    found = services.maintenances.get(maintenance_id)
    if found is None:
        raise NotFound("the maintenance does not exist")
    return found, services.maintenances.hosts(maintenance_id)
