"""Cordon hardware and lift cordons, as operators do. Who holds cordoned hardware keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Cordon, Target
from gpu_capacity.operations.cordoning import CordonChange, CordonWriter
from gpu_capacity.operations.reasons import check_reason

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasFleet, HasPause, HasTelemetry
    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.ports import Clock, Pause, Telemetry

    class Needs(HasClock, HasFleet, HasPause, HasTelemetry, Protocol):
        """What a cordoner works with."""


@dataclass(frozen=True, slots=True)
class Cordoner:
    """Sets and lifts cordons.

    Attributes:
        store: the fleet.
        telemetry: gets the audit lines.
        pause: between attempts.
        clock: for the time of a cordon.
        actor: who does it; goes into the cordon and the audit lines.
    """

    store: FleetStore
    telemetry: Telemetry
    pause: Pause
    clock: Clock
    actor: str

    @classmethod
    def of(cls, services: Needs, actor: str) -> Cordoner:
        """A cordoner with the collaborators of the use cases."""
        return cls(services.fleet, services.telemetry, services.pause, services.clock, actor)

    def cordon(self, region_id: str, target: Target, reason: str) -> CordonChange:
        """Take hardware out of sale. A cordon that the target has gets the new reason.

        Raises:
            InvalidRequest: there is no reason, it is too long, or the region has too many cordons.
            NotFound: the inventory does not have the target.
            StorageUnavailable: others wrote first in every attempt. The cordon may be recorded; repeat it.
        """
        check_reason(reason)
        if self.store.region(region_id) is None:
            raise NotFound("the region does not exist")
        pods = self.store.pods_with(region_id, target)
        if target != Target() and not pods:
            raise NotFound(f"{target} does not exist in the region")
        cordon = Cordon(target, reason, self.clock.now(), self.actor)
        writer = CordonWriter(self.store, self.pause)
        cordons = writer.change(
            region_id,
            lambda known: None if _has(known, target, reason) else known.with_cordon(cordon),
        )
        self.telemetry.audit(self.actor, "cordon", f"{region_id}: {target}", "set", reason=reason)
        return CordonChange(cordons, writer.write_pods(region_id, pods))

    def uncordon(self, region_id: str, target: Target) -> CordonChange:
        """Lift the cordon of exactly this target.

        Cordons of the fleet document and of other targets stay, and so do quarantines and maintenances.
        Capacity claims that wait for what is for sale again are served by the schedule of the filler.

        Raises:
            NotFound: no operator has cordoned this target.
            StorageUnavailable: others wrote first in every attempt. The cordon may be lifted; repeat it.
        """
        if self.store.cordons(region_id).of(target) is None:
            raise NotFound(f"no operator has cordoned {target}")
        writer = CordonWriter(self.store, self.pause)
        cordons = writer.change(region_id, lambda known: known.without(target) if known.of(target) else None)
        self.telemetry.audit(self.actor, "uncordon", f"{region_id}: {target}", "lifted")
        return CordonChange(cordons, writer.write_pods(region_id, self.store.pods_with(region_id, target)))


def _has(cordons: Cordons, target: Target, reason: str) -> bool:
    known = cordons.of(target)
    return known is not None and known.reason == reason
