"""What a reservation has at the host provider: its hosts are held unit by unit, and released together."""

from __future__ import annotations

from dataclasses import dataclass
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


LATE_SHARE: Final = 8
"""Hosts are late, and not their provider slow, if no more than one in so many is, or one alone."""


@dataclass(frozen=True, slots=True)
class FailedHost:
    """A host that cannot be held: the reason, for its holder, and the evidence, for operators."""

    host_id: str
    reason: str
    evidence: str


class CannotHold(Exception):
    """The run of a reservation cannot be held as it is. The message is for the customer.

    ``hosts`` are those that failed; none if hardware is missing, which nobody can buy anyway.
    """

    def __init__(self, message: str, hosts: Sequence[FailedHost] = ()) -> None:
        super().__init__(message)
        self.hosts = tuple(hosts)


def hold_missing(services: Needs, reservation: Reservation, holds: Sequence[Hold]) -> Step | None:
    """Hold the hosts of owned units that are not among ``holds``, one call of the provider for each unit.

    Returns:
        None once every unit was asked for; ``again`` if the time is up; ``superseded`` if the provider
        is fenced, because a teardown began.

    Raises:
        CannotHold: hosts are missing or are somebody else's.
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
        outcomes = services.provider.hold(reservation.hold_owner, reservation.region_id, list(wanted))
        if HoldOutcome.FENCED in outcomes.values():
            return Step.SUPERSEDED
        taken = [host for host_id, host in wanted.items() if outcomes[host_id] is HoldOutcome.OCCUPIED]
        if taken:
            evidence = f"the provider keeps it for somebody else than {reservation.hold_owner}, who owns it"
            raise CannotHold(
                f"host {taken[0].name} is held for another holder",
                [FailedHost(host.id, "it is held for another holder", evidence) for host in taken],
            )
    return None


def demand_fit(services: Needs, holds: Sequence[Hold], hosts_expected: int) -> None:
    """Check what the provider says of hosts that were asked for.

    Raises:
        CannotHold: some are unfit, or were not held in time while nearly all others were.
    """
    unfit = [hold for hold in holds if hold.state is HoldState.UNFIT]
    if unfit:
        raise CannotHold(
            f"host {unfit[0].host_id} is unfit: {unfit[0].message}",
            [FailedHost(hold.host_id, f"it is unfit: {hold.message}", hold.message) for hold in unfit],
        )
    seconds = services.limits.holding_seconds_max
    began_before = services.clock.now() - seconds
    late = [
        hold
        for hold in holds
        if hold.state is HoldState.PREPARING and hold.since is not None and hold.since <= began_before
    ]
    if late and len(late) <= max(1, hosts_expected // LATE_SHARE):
        why = f"was not held within {seconds} s"
        raise CannotHold(
            f"host {late[0].host_id} {why}",
            [FailedHost(hold.host_id, f"it {why}", f"asked for at {hold.since}") for hold in late],
        )


def release_all(services: Needs, reservation: Reservation) -> Step:
    """Fence the reservation at the provider, and begin to release all that it still holds, of every run.

    Asks the provider and not the topology, so a host that was replaced since is found as well.

    Returns:
        ``done`` if nothing is held any more; ``waiting``; or ``unfinished`` if that took too long.
    """
    released = [release_owner(services, owner) for owner in reservation.hold_owners]
    if all(released):
        return Step.DONE
    begun = reservation.deleted_at or reservation.deadline or reservation.created_at
    late = services.clock.now() >= begun + services.limits.teardown_seconds_max
    return Step.UNFINISHED if late else Step.WAITING


def release_owner(services: Needs, owner: str) -> bool:
    """Fence an owner of holds, and begin to release what it has. True once nothing is held any more."""
    services.provider.fence(owner)
    holds = services.provider.held(owner)
    left = [hold.host_id for hold in holds if hold.state is not HoldState.RELEASING]
    if left:
        services.provider.release(owner, left)
    return not holds


def _owned_domains(services: Needs, reservation: Reservation) -> Mapping[int, Domain]:
    """The domains at the positions of its units, as the inventory has them now."""
    if reservation.pod_id is None:
        return {}
    pair = (reservation.region_id, reservation.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    if pod is None:
        return {}
    return {domain.position: domain for domain in pod.domains if domain.position in reservation.positions}
