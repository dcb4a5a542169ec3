"""Opens and closes maintenances, as a schedule does each minute.

Every step is conditional or idempotent, and what it will do to a host is recorded before. So a run may die
anywhere, two may work at the same time, and a change or a cancellation may overtake any of their writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.maintenances import MaintenanceStatus
from gpu_capacity.operations.announce_maintenance import announce, lift_leftovers, withdraw
from gpu_capacity.operations.bring_back_hosts import ACTOR, bring_back
from gpu_capacity.operations.take_hosts import take_hosts

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasDeadline
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.operations.bring_back_hosts import Needs as BringBackNeeds
    from gpu_capacity.operations.take_hosts import Needs as TakeNeeds

    class Needs(TakeNeeds, BringBackNeeds, HasDeadline, Protocol):
        """What the functions of this module work with."""


CALL_SECONDS: Final = 10
"""The time that one maintenance may take at least: none is begun with less."""


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What a run found: maintenances that are not over, and their hosts. ``left_out`` were not looked at."""

    active: int
    hosts: int
    left_out: int = 0


def run_maintenances(services: Needs) -> MaintenanceReport:
    """Do for each maintenance what its window, its holders and its operators want now.

    One that fails does not keep the others waiting.

    Raises:
        StorageUnavailable: the maintenances could not be listed.
    """
    every = services.maintenances.every()
    live = [maintenance for maintenance in every if not maintenance.is_over]
    hosts = left_out = 0
    for maintenance in live:
        if services.deadline.remaining_seconds() < CALL_SECONDS:
            left_out += 1
            continue
        try:
            hosts += proceed(services, maintenance)
        except CapacityError as error:
            left_out += 1
            services.telemetry.warning(
                "maintenance left to the next run", maintenance=maintenance.id, reason=str(error)
            )
    lift_leftovers(services)
    services.telemetry.count("MaintenancesActive", len(live))
    services.telemetry.count("HostsInMaintenance", hosts)
    services.telemetry.count("MaintenancesLeftOut", left_out)
    return MaintenanceReport(len(live), hosts, left_out)


def proceed(services: Needs, maintenance: Maintenance) -> int:
    """Do the next step of one maintenance; returns the number of its hosts.

    Raises:
        ProviderUnavailable: the provider did not answer.
        StorageUnavailable: the database did not answer.
        UnreadableItem: an item that it needs cannot be read.
    """
    now = services.clock.now()
    wanted = maintenance.status_at(now)
    if wanted is not maintenance.status:
        moved = services.maintenances.change(maintenance, replace(maintenance, status=wanted))
        if moved is None:
            return 0
        maintenance = moved
        _audit(services, maintenance)
    hosts = services.maintenances.hosts(maintenance.id)
    if maintenance.is_active:
        announce(services, maintenance)
        hosts, unwanted = take_hosts(services, maintenance, hosts)
        bring_back(services, maintenance, unwanted)
        return len(hosts)
    left = bring_back(services, maintenance, hosts)
    if not left:
        _finish(services, maintenance)
    return left


def _finish(services: Needs, maintenance: Maintenance) -> None:
    """Put the hardware on sale again, now that every host is back or quarantined, and close the record."""
    withdraw(services, maintenance)
    over = MaintenanceStatus.CANCELLED if maintenance.cancelled else MaintenanceStatus.ENDED
    finished = replace(maintenance, status=over, over_at=services.clock.now())
    if services.maintenances.change(maintenance, finished) is not None:
        _audit(services, finished)


def _audit(services: Needs, maintenance: Maintenance) -> None:
    services.telemetry.audit(
        ACTOR, "maintenance", maintenance.id, maintenance.status.value, region=maintenance.region_id
    )
