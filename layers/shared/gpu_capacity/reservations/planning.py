"""Plans which run a reservation gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InsufficientCapacity, ProviderUnavailable, StorageUnavailable
from gpu_capacity.holders.ids import seed_of
from gpu_capacity.holders.tentative import decide_again
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.inventory.units import hardware_digest, identity_of, topology_hash
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from gpu_capacity.providers.port import Readiness
from gpu_capacity.reservations.record import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasIds, HasProvider, HasTelemetry
    from gpu_capacity.holders.tentative import Needs as TentativeNeeds
    from gpu_capacity.inventory.model import Domain, Pod
    from gpu_capacity.inventory.snapshot import Basis, Snapshot
    from gpu_capacity.inventory.store import InventoryStore
    from gpu_capacity.placement.line import Line
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasReservations, TentativeNeeds, HasIds, HasTelemetry, Protocol):
        """What most functions of this module work with."""

    class MoveNeeds(Needs, HasProvider, Protocol):
        """What planning a move works with."""


PLAN_READS_MAX: Final = 4
"""Readings of snapshot and topology for one plan, as a sync may write between the two. It does so once in
minutes."""

CHOICES_MAX: Final = 16
"""Runs whose hosts the provider is asked about, for one move."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to own.

    Attributes:
        placement: the run.
        attempt: the number of this choice; other numbers give other choices.
        tag: of the booking to come.
        basis: what the choice was decided on, which the write demands.
        pod: the topology of its pod.
        topology_hash: as the API shows it.
        hardware: the digest of its domains.
    """

    placement: Placement
    attempt: int
    tag: bytes
    basis: Basis
    pod: Pod
    topology_hash: str
    hardware: bytes

    @property
    def run(self) -> Run:
        """The run under the tag of its booking."""
        return Run(self.placement, self.tag)

    def applied_to(self, draft: Reservation) -> Reservation:
        """The reservation as it will be when it owns the run."""
        return replace(
            draft,
            runs=(self.run,),
            topology_hash=self.topology_hash,
            hardware=self.hardware,
        )


def plan_run(services: Needs, draft: Reservation, attempt: int, *, fresh: bool) -> Plan:
    """Choose a run for a reservation.

    Args:
        services: collaborators.
        draft: what to place.
        attempt: how many races were lost: widens the choice.
        fresh: decide on a strongly consistent read instead of the cached snapshot.

    Raises:
        InsufficientCapacity: no run is long enough, as of a strongly consistent read.
        RaceLost: one may be as soon as claiming reservations have given up.
        StorageUnavailable: the topology kept changing.
    """
    inventory, region_id, flavor_id = services.inventory, draft.region_id, draft.flavor_id
    request = Request(draft.count, seed_of(draft.id), attempt)
    for _ in range(PLAN_READS_MAX):
        snapshot, decision = decide(inventory, region_id, flavor_id, request, fresh=fresh)
        if isinstance(decision, Unplaceable):
            seen = (snapshot, decision)
            snapshot, decision = decide_again(services, (region_id, flavor_id), seen, request)
        if isinstance(decision, Unplaceable):
            services.telemetry.count("ReservationsRefused")
            raise InsufficientCapacity(decision)
        basis = snapshot.basis_of(decision)
        pod = inventory.pod_at(region_id, decision.pod_id, basis.version)
        if pod is not None:
            return _plan(services, draft, (decision, attempt), basis, pod)
        # A sync wrote the pod between the two reads.
        fresh = True
    raise StorageUnavailable("the topology changed while it was read", outcome_unknown=False)


def plan_elsewhere(services: MoveNeeds, reservation: Reservation, attempt: int) -> Plan:
    """Choose another run for a reservation, beside the one that it has.

    Prefers runs whose hosts the provider calls ready. If there is none, or it does not answer, any run will
    do: holding its hosts will show.

    Args:
        services: collaborators.
        reservation: what to place.
        attempt: how many races were lost: widens the choice.

    Raises:
        InsufficientCapacity: no run is long enough, as of a strongly consistent read.
        RaceLost: one may be as soon as claiming reservations have given up.
        StorageUnavailable: the topology kept changing.
    """
    flavor = (reservation.region_id, reservation.flavor_id)
    request = Request(reservation.count, seed_of(reservation.id), attempt)
    first: Plan | None = None
    passed: dict[str, int] = {}
    for _ in range(CHOICES_MAX):
        snapshot = services.inventory.fresh_snapshot(*flavor)
        decision = place(_without(snapshot.line, passed), request)
        if isinstance(decision, Unplaceable):
            if first is not None:
                return first
            snapshot, decision = decide_again(services, flavor, (snapshot, decision), request)
        if isinstance(decision, Unplaceable):
            raise InsufficientCapacity(decision)
        basis = snapshot.basis_of(decision)
        pod = services.inventory.pod_at(reservation.region_id, decision.pod_id, basis.version)
        if pod is None:
            continue
        plan = _plan(services, reservation, (decision, attempt), basis, pod)
        unready = _unready(services, pod.between(decision.start, decision.count))
        if not unready:
            return plan
        first = first or plan
        passed[pod.id] = passed.get(pod.id, 0) | unready
    if first is None:
        raise StorageUnavailable("the topology changed while it was read", outcome_unknown=False)
    return first


def _without(line: Line, passed: Mapping[str, int]) -> Line:
    """The line as if these positions were owned; positions of pods that it does not have are ignored."""
    for pod_id, mask in passed.items():
        index = line.find(pod_id)
        if index is not None:
            pod = line.pods[index]
            line = line.with_owned(pod_id, pod.owned | mask, pod.borders | mask)
    return line


def _unready(services: MoveNeeds, domains: Sequence[Domain]) -> int:
    """The positions of domains with hosts that are not ready as the provider says; none if it is silent."""
    try:
        fitness = services.provider.fitness([host.id for domain in domains for host in domain.hosts])
    except ProviderUnavailable:
        return 0
    unready = {host_id for host_id, fit in fitness.items() if fit.readiness is Readiness.NOT_READY}
    return sum(1 << domain.position for domain in domains if any(host.id in unready for host in domain.hosts))


def plan_in_pod(services: Needs, draft: Reservation, pod_id: str, attempt: int) -> Plan | None:
    """Choose a run in one pod of the cached snapshot; None if there is none, or no cached snapshot."""
    kept = services.inventory.cached_snapshot(draft.region_id, draft.flavor_id)
    line = kept.line.only(pod_id) if kept else None
    if kept is None or line is None:
        return None
    decision = place(line, Request(draft.count, seed_of(draft.id), attempt))
    if isinstance(decision, Unplaceable):
        return None
    basis = kept.basis_of(decision)
    pod = services.inventory.pod_at(draft.region_id, pod_id, basis.version)
    return None if pod is None else _plan(services, draft, (decision, attempt), basis, pod)


def decide(
    inventory: InventoryStore, region_id: str, flavor_id: str, request: Request, *, fresh: bool
) -> tuple[Snapshot, Placement | Unplaceable]:
    """Place on the cached snapshot; with ``fresh``, or if nothing fits, on a strongly consistent read."""
    if not fresh:
        snapshot, fresh = inventory.snapshot(region_id, flavor_id)
        decision = place(snapshot.line, request)
        if fresh or isinstance(decision, Placement):
            return snapshot, decision
    snapshot = inventory.fresh_snapshot(region_id, flavor_id)
    return snapshot, place(snapshot.line, request)


def _plan(services: Needs, draft: Reservation, choice: tuple[Placement, int], basis: Basis, pod: Pod) -> Plan:
    placement, attempt = choice
    domains = pod.between(placement.start, placement.count)
    return Plan(
        placement,
        attempt,
        new_tag(services.ids.random_bytes()),
        basis,
        pod,
        topology_hash((draft.region_id, draft.accelerator, draft.unit), pod.id, domains),
        hardware_digest(map(identity_of, domains)),
    )
