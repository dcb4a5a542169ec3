"""Says in words why a placement has its statuses. Derived from what is shown, and not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.inventory.units import Health
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.reservations.api.details import by_operator

if TYPE_CHECKING:
    from gpu_capacity.placements.observation import ObservedPlacement


def explain_provisioning(observed: ObservedPlacement) -> tuple[str, str]:
    """The reason and the explanation of the provisioning status."""
    placement, counts = observed.placement, observed.counts
    servers = "1 server" if placement.count == 1 else f"{placement.count} servers"
    booted = f"{counts.updated} of {servers} run the wanted image" if counts else f"{servers} requested"
    match placement.status:
        case PlacementStatus.PENDING:
            explained = "Provisioning", f"hosts for {servers} taken; booting them begins in a moment"
        case PlacementStatus.PROVISIONING:
            explained = "Provisioning", booted
        case PlacementStatus.PROVISIONED:
            explained = "Provisioned", booted
        case PlacementStatus.ERROR:
            explained = "Errored", f"{placement.failure}; its hosts stay taken until it is deleted"
        case _:
            explained = (
                "Deprovisioning",
                f"{by_operator(placement)}its servers are being deleted; then its hosts are given back",
            )
    return explained


def explain_health(observed: ObservedPlacement) -> tuple[str, str]:
    """The reason and the explanation of the health status."""
    counts = observed.counts
    if counts is None:
        return "Unknown", "its servers have not been looked at"
    count = observed.placement.count
    number = f"{count - counts.in_flight} of {count} servers are provisioned"
    number += f", {counts.stalled} failed" if counts.stalled else ""
    match observed.health:
        case Health.HEALTHY:
            return "Healthy", number
        case Health.UNKNOWN:
            return "Unknown", number
        case _ if observed.placement.failure is not None:
            return "Degraded", f"{number}: {observed.placement.failure}"
        case _:
            return "Degraded", number
