"""What a provisioned reservation should have: a fit hold of every host of its units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.inventory.model import HostState
from gpu_capacity.placements.moves import Condemned
from gpu_capacity.placements.settling import settle_again
from gpu_capacity.providers.port import HoldOutcome, HoldState
from gpu_capacity.reservations.observation import domains_of
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Protocol

    from gpu_capacity.holders.roles import HasProvider, HasQuarantine
    from gpu_capacity.inventory.model import Host, Pod
    from gpu_capacity.placements.settling import Needs as SettlingNeeds
    from gpu_capacity.providers.port import Hold
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.upkeep.watch.listing import Budget, Listed

    class Needs(SettlingNeeds, HasProvider, HasQuarantine, HasReservations, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "schedule:watch"

REFUSED: Final = {
    HoldOutcome.FENCED: "the host provider does not hold it for the reservation any more",
    HoldOutcome.OCCUPIED: "the host provider holds it for another holder",
}


def watch_reservation(
    services: Needs,
    reservation: Reservation,
    pod: Pod,
    listed: Listed | None,
    quarantined: Collection[str],
    budget: Budget,
) -> bool:
    """Hold hosts again whose holds are gone, and set those aside that cannot be held.

    Args:
        services: collaborators.
        reservation: the record as read.
        pod: its pod.
        listed: what providers list; None if that is not known.
        quarantined: ids of hosts that are set aside already: of these nothing is expected.
        budget: counts calls.

    Returns:
        Whether something was amiss.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    hosts = _expected(reservation, pod, quarantined)
    owner = reservation.hold_owner
    if listed is not None and not _amiss(hosts, listed.holds.get(owner, ())):
        return False
    budget.spend()
    amiss = _amiss(hosts, services.provider.held(owner))
    if not amiss or not _is_unchanged(services, reservation):
        return False
    budget.spend()
    amiss = _outside_maintenance(services, amiss)
    gone = [host_id for host_id, reason in amiss.items() if reason is None]
    if gone:
        budget.spend()
        outcomes = services.provider.hold(owner, reservation.region_id, gone)
        amiss |= {host_id: REFUSED.get(outcomes[host_id]) for host_id in gone}
        renewed = [host_id for host_id in gone if amiss[host_id] is None]
        if renewed:
            services.telemetry.count("HoldsRenewed", len(renewed))
            services.telemetry.warning("holds renewed", reservation=reservation.id, hosts=renewed)
    bad = {host_id: reason for host_id, reason in amiss.items() if reason is not None}
    # A release or a delete that began meanwhile has fenced it: then its hosts are not to blame.
    if bad and _is_unchanged(services, reservation):
        _set_aside(services, reservation, hosts, bad)
    return True


def _expected(
    reservation: Reservation, pod: Pod, quarantined: Collection[str]
) -> dict[str, tuple[int, Host]]:
    """The hosts of its units that should be held: position and host, by id."""
    return {
        host.id: (domain.position, host)
        for domain in domains_of(reservation, pod)
        for host in domain.hosts
        if host.state is not HostState.MISSING and host.id not in quarantined
    }


def _amiss(hosts: Collection[str], holds: Iterable[Hold]) -> dict[str, str | None]:
    """Hosts without a fit hold, by id: why the hold is unfit, or None for one that is gone."""
    there = {hold.host_id: hold for hold in holds if hold.state is not HoldState.RELEASING}
    found: dict[str, str | None] = {}
    for host_id in hosts:
        hold = there.get(host_id)
        if hold is None:
            found[host_id] = None
        elif hold.state is HoldState.UNFIT:
            found[host_id] = f"unfit: {hold.message}" if hold.message else "unfit"
    return found


def _outside_maintenance(services: Needs, amiss: Mapping[str, str | None]) -> dict[str, str | None]:
    """Those of the hosts that are in no maintenance at the provider. During one no host can be held."""
    maintained = services.provider.maintained(list(amiss))
    return {host_id: why for host_id, why in amiss.items() if not maintained[host_id]}


def _is_unchanged(services: Needs, before: Reservation) -> bool:
    """Whether the reservation still has the same units for good."""
    now = services.reservations.get(before.organization_id, before.id)
    if now is None or now.status is not Status.PROVISIONED:
        return False
    return (now.life, now.runs, now.leaving) == (before.life, before.runs, before.leaving)


def _set_aside(
    services: Needs,
    reservation: Reservation,
    hosts: Mapping[str, tuple[int, Host]],
    bad: Mapping[str, str],
) -> None:
    """Quarantine hosts, and have servers on them moved."""
    for host_id, reason in bad.items():
        evidence = f"reservation {reservation.id} of {reservation.organization_id}: {reason}"
        services.quarantine.set(
            reservation.region_id, host_id, reason, evidence, by=ACTOR, pod_id=reservation.pod_id
        )
        services.telemetry.warning(
            "reservation degraded", reservation=reservation.id, host=host_id, reason=reason
        )
    keys = [(reservation.organization_id, placement_id) for placement_id in reservation.occupied]
    at = {(hosts[host_id][0], hosts[host_id][1].slot): host_id for host_id in bad}
    for placement in services.placements.many(keys):
        condemned = [
            Condemned(
                ordinal, at[position, slot], f"is on a host that is set aside: {bad[at[position, slot]]}"
            )
            for ordinal, position, slot in placement.slots()
            if (position, slot) in at
        ]
        if condemned:
            settle_again(services, placement, condemned=condemned)
