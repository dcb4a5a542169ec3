"""What a reservation has at the host provider: its hosts are held unit by unit, and released together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.holders.steps import Step
from gpu_capacity.inventory.model import HostState
from gpu_capacity.providers.port import HoldOutcome, HoldState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasDeadline, HasInventory, HasLimits, HasProvider
    from gpu_capacity.inventory.model import Domain
    from gpu_capacity.providers.port import Hold
    from gpu_capacity.reservations.record import Reservation

    class Needs(HasClock, HasDeadline, HasInventory, HasLimits, HasProvider, Protocol):
        """What the functions of this module work with."""


UNIT_SECONDS: Final = 6.0
"""A unit is begun only while the invocation has so much time left: holding its hosts may take seconds."""


class CannotHold(Exception):
    """A host of the reservation cannot be held. The message is for the customer."""


def hold_missing(services: Needs, reservation: Reservation, holds: Sequence[Hold]) -> Step | None:
    """Hold the hosts of owned units that are not among ``holds``, one call of the provider for each unit.

    Returns:
        None once every unit was asked for; ``again`` if the time is up; ``superseded`` if the provider
        is fenced, because a teardown began.

    Raises:
        CannotHold: a host is missing or is somebody else's.
    """
    known = {hold.host_id for hold in holds}
    domains = _owned_domains(services, reservation)
    for position in reservation.positions:
        domain = domains.get(position)
        if domain is None or len(domain.hosts) < reservation.hosts_per_unit:
            raise CannotHold("hardware of a claimed unit is missing from the inventory")
        wanted = {host.id: host for host in domain.hosts if host.id not in known}
        if missing := next((host for host in wanted.values() if host.state is HostState.MISSING), None):
            raise CannotHold(f"host {missing.name} of a claimed unit is missing from the inventory")
        if not wanted:
            continue
        if services.deadline.remaining_seconds() < UNIT_SECONDS:
            return Step.AGAIN
        outcomes = services.provider.hold(reservation.server_owner, reservation.region_id, list(wanted))
        for host_id, host in wanted.items():
            match outcomes[host_id]:
                case HoldOutcome.FENCED:
                    return Step.SUPERSEDED
                case HoldOutcome.OCCUPIED:
                    raise CannotHold(f"host {host.name} is held for somebody else")
                case HoldOutcome.HELD:
                    pass
    return None


def release_all(services: Needs, reservation: Reservation) -> Step:
    """Fence the reservation at the provider, and begin to release all that it still holds.

    Asks the provider and not the topology, so a host that was replaced since is found as well.

    Returns:
        ``done`` if nothing is held any more; ``waiting``; or ``unfinished`` if that took too long.
    """
    services.provider.fence(reservation.server_owner)
    holds = services.provider.held(reservation.server_owner)
    if not holds:
        return Step.DONE
    left = [hold.host_id for hold in holds if hold.state is not HoldState.RELEASING]
    if left:
        services.provider.release(reservation.server_owner, left)
    begun = reservation.deleted_at or reservation.deadline or reservation.created_at
    late = services.clock.now() >= begun + services.limits.teardown_seconds_max
    return Step.UNFINISHED if late else Step.WAITING


def _owned_domains(services: Needs, reservation: Reservation) -> Mapping[int, Domain]:
    """The domains at the positions of its units, as the inventory has them now."""
    if reservation.pod_id is None:
        return {}
    pair = (reservation.region_id, reservation.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    if pod is None:
        return {}
    return {domain.position: domain for domain in pod.domains if domain.position in reservation.positions}
