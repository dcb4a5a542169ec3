"""Finds the hosts of a reservation for a placement, in the reservation as it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import HostsUnavailable, ProviderUnavailable, StateConflict, TryAgain, Unprocessable
from gpu_capacity.holders.ids import seed_of
from gpu_capacity.inventory.model import HostState
from gpu_capacity.inventory.units import shows_quarantines
from gpu_capacity.placement.servers import (
    ConstraintsNotMet,
    NotEnoughHosts,
    Readiness,
    UnitHosts,
    choose_hosts,
)
from gpu_capacity.providers.port import Readiness as HostReadiness
from gpu_capacity.reservations.observation import domains_of
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasInventory, HasProvider, HasTelemetry
    from gpu_capacity.inventory.model import Domain, Host
    from gpu_capacity.placements.request import PlacementSpec
    from gpu_capacity.reservations.record import Hosts, Reservation

    class Needs(HasInventory, HasProvider, HasTelemetry, Protocol):
        """What the functions of this module work with."""


def hosts_for(services: Needs, reservation: Reservation, spec: PlacementSpec, placement_id: str) -> Hosts:
    """The hosts that a placement gets, if the reservation is as given.

    Raises:
        StateConflict: the reservation is not provisioned, or is being deleted.
        HostsUnavailable: it has too few free hosts.
        Unprocessable: no choice of them meets the constraints.
        TryAgain: the hosts cannot be read, or the provider does not say which ones are ready.
    """
    if reservation.status is not Status.PROVISIONED:
        raise StateConflict(
            f"the reservation is {reservation.status.value}: a placement takes hosts of a provisioned one"
        )
    readiness = spec.readiness or Readiness.PREFER
    units = _units(services, reservation, readiness)
    chosen = choose_hosts(units, spec.count, spec.constraints.wanted, readiness, seed_of(placement_id))
    if isinstance(chosen, NotEnoughHosts):
        raise HostsUnavailable(chosen)
    if isinstance(chosen, ConstraintsNotMet):
        raise Unprocessable(chosen.describe())
    return tuple(sorted((grant.position, grant.hosts) for grant in chosen))


def _units(services: Needs, reservation: Reservation, readiness: Readiness) -> list[UnitHosts]:
    """All units that the reservation owns, with their free hosts and those of them that are ready."""
    taken, spare = reservation.occupied_hosts, reservation.spare_hosts_per_unit
    owned, set_aside = _domains(services, reservation)
    domains = [
        (domain, [host for host in _present(domain) if not taken.get(domain.position, 0) >> host.slot & 1])
        for domain in owned
    ]
    if spare and readiness is Readiness.IGNORE:
        readiness = Readiness.PREFER  # Spare hosts have to be fit, whatever those of the placement are.
    free = [host for _, free in domains for host in free if host.id not in set_aside]
    ready = _ready(services, free, readiness)
    return [
        UnitHosts(
            pod_id=reservation.pod_id or "",
            position=domain.position,
            # One that is gone still has a placement: what is taken is no whole unit.
            hosts=_mask(_present(domain)) | taken.get(domain.position, 0),
            free=_mask(free),
            ready=_mask(host for host in free if host.id in ready),
            spare=spare,
        )
        for domain, free in domains
    ]


def _domains(services: Needs, reservation: Reservation) -> tuple[list[Domain], Collection[str]]:
    """The owned domains, as the inventory has them now, and the ids of hosts in quarantine."""
    region_id, pod_id = reservation.region_id, reservation.pod_id
    if pod_id is None:
        return [], ()
    shapes, _ = services.inventory.observed([(region_id, reservation.flavor_id, pod_id)])
    shape = shapes.get((region_id, pod_id))
    found = services.inventory.pods_in({(region_id, pod_id): shape.version if shape else None})
    pod = found.get((region_id, pod_id))
    if pod is None:
        raise TryAgain("the hosts of the reservation could not be read")
    domains = list(domains_of(reservation, pod))
    if shape is not None and not shows_quarantines(domains_of(reservation, shape), domains):
        return domains, ()
    return domains, services.inventory.quarantines([region_id]).keys()


def _ready(services: Needs, hosts: list[Host], readiness: Readiness) -> frozenset[str]:
    """The ids of those hosts that pass the readiness check: in service, and fit as the provider says."""
    in_service = [host.id for host in hosts if host.state is HostState.IN_SERVICE]
    if readiness is Readiness.IGNORE or not in_service:
        return frozenset()
    try:
        fitness = services.provider.fitness(in_service)
    except ProviderUnavailable as error:
        if readiness is Readiness.REQUIRE:
            raise TryAgain("the host provider did not say which hosts are ready") from error
        services.telemetry.warning("hosts are chosen without the provider's readiness", reason=str(error))
        return frozenset(in_service)
    return frozenset(host_id for host_id, fit in fitness.items() if fit.readiness is HostReadiness.READY)


def _present(domain: Domain) -> list[Host]:
    """The hosts that the fleet still has."""
    return [host for host in domain.hosts if host.state is not HostState.MISSING]


def _mask(hosts: Iterable[Host]) -> int:
    return sum(1 << host.slot for host in hosts)
