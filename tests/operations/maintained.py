"""A world in which hardware is worked on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gpu_capacity.holders.limits import Limits
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.plan_maintenance import (
    MaintenancePlan,
    cancel_maintenance,
    change_maintenance,
    plan_maintenance,
)
from gpu_capacity.operations.run_maintenances import run_maintenances
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.providers.port import Readiness
from testkit.placements import place, provisioned
from testkit.world import ORGANIZATION, REGION, World, pod

if TYPE_CHECKING:
    from gpu_capacity.inventory.maintenances import MaintainedHost, Maintenance
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.reservations.record import Reservation

OPERATOR = "operator@example.com"
HOUR = 3600
NOTICE = 2 * HOUR
POD = Target(pod_id="pod1")


def rack(position: int) -> Target:
    return Target(pod_id="pod1", domain_id=f"pod1-rack{position:02}")


def host(position: int, slot: int) -> str:
    return f"pod1-rack{position:02}-tray{slot:02}"


@dataclass
class Works:
    """The world, with what operators do in it. A pod of four racks with two hosts each."""

    world: World = field(
        default_factory=lambda: World((pod("pod1", 4),), limits=Limits(maintenance_notice_seconds=NOTICE))
    )

    def plan(self, *targets: Target, **changes: Any) -> MaintenancePlan:
        """From in an hour until in three."""
        now = self.world.clock.now()
        base = MaintenancePlan(targets or (rack(0),), now + HOUR, now + 3 * HOUR, "new cables")
        return replace(base, **changes)

    def planned(self, *targets: Target, **changes: Any) -> Maintenance:
        return plan_maintenance(self.world.services, OPERATOR, REGION, self.plan(*targets, **changes))

    def opened(self, *targets: Target, **changes: Any) -> Maintenance:
        """Planned from now on, and run once."""
        planned = self.planned(*targets, **{"start": self.world.clock.now(), **changes})
        self.run()
        return self.read(planned)

    def change(self, maintenance: Maintenance, **changes: Any) -> Maintenance:
        shown = MaintenancePlan(maintenance.targets, maintenance.start, maintenance.end, maintenance.reason)
        return change_maintenance(
            self.world.services, OPERATOR, maintenance.id, replace(shown, **changes), maintenance.tag
        )

    def cancel(self, maintenance: Maintenance) -> Maintenance:
        return cancel_maintenance(self.world.services, OPERATOR, maintenance.id)

    def run(self, seconds: int = 0) -> None:
        """A run of the schedule, in another execution environment, after some time."""
        self.world.clock.advance(seconds)
        run_maintenances(self.world.environment())

    def read(self, maintenance: Maintenance) -> Maintenance:
        found = self.world.services.maintenances.get(maintenance.id)
        assert found is not None
        return found

    def taken(self, maintenance: Maintenance) -> dict[str, MaintainedHost]:
        return {h.host_id: h for h in self.world.services.maintenances.hosts(maintenance.id)}

    def maintained(self) -> set[str]:
        """The hosts that the provider has in maintenance."""
        hosts = [host(position, slot) for position in range(4) for slot in range(2)]
        return {h for h, names in self.world.services.provider.maintained(hosts).items() if names}

    def is_ready(self, host_id: str) -> bool:
        fitness = self.world.services.provider.fitness([host_id])
        return fitness[host_id].readiness is Readiness.READY

    def free_units(self) -> int:
        flavor = self.world.regions[0].offerings[0].flavor.id
        return self.world.environment().inventory.fresh_snapshot(REGION, flavor).counts().available

    def reservation(self, units: int = 1) -> Reservation:
        return provisioned(self.world, units)

    def running(self, reservation: Reservation, count: int = 2) -> Placement:
        """A placement whose servers run."""
        placement = place(self.world, reservation.id, count)
        for _ in range(4):
            settle_placement(self.world.services, ORGANIZATION, placement.id)
            self.world.clock.advance(self.world.behaviour.boots.boot_seconds)
        return placement
