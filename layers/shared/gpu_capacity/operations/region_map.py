"""The map of a region: its pods, domains and hosts, each with its states and who has it.

Ownership is what the pods' own items say. Whose a tag is, is looked up among the records of the region. So
hardware whose record is missing shows as held, by nobody that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Cause, Target
from gpu_capacity.inventory.fleet.model import offering_of
from gpu_capacity.inventory.model import HostState
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.operations.kinds import kind_of, records_of
from gpu_capacity.placements.record import Placement
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from gpu_capacity.holders.roles import HasFleet, HasInventory
    from gpu_capacity.inventory.cordons import Cordon, Cordons
    from gpu_capacity.inventory.items import PodOwners
    from gpu_capacity.inventory.model import Domain, DomainShape, Host, Pod
    from gpu_capacity.operations.find_holders import HasHeld
    from gpu_capacity.operations.kinds import HasRecords, HolderKind, Record

    class Needs(HasFleet, HasHeld, HasInventory, HasRecords, Protocol):
        """What the functions of this module work with."""


class MapState(StrEnum):
    """What is true of a domain or a host. The first three exclude each other; the others may be added."""

    FREE = "free"
    PARTLY_HELD = "partlyHeld"
    HELD = "held"
    CORDONED = "cordoned"
    QUARANTINED = "quarantined"
    INCOMPLETE = "incomplete"
    IN_MAINTENANCE = "inMaintenance"
    OUT_OF_SERVICE = "outOfService"


@dataclass(frozen=True, slots=True, order=True)
class MapHolder:
    """Who has something."""

    kind: HolderKind
    organization_id: str
    id: str


@dataclass(frozen=True, slots=True)
class MapHost:
    """A host. ``held_by`` has whoever has it or GPUs of it, and the placement whose server is on it."""

    id: str
    name: str
    slot: int
    state: HostState
    states: tuple[MapState, ...]
    held_by: tuple[MapHolder, ...]


@dataclass(frozen=True, slots=True)
class MapDomain:
    """A domain with its states; ``free_hosts`` of its hosts are in service, not out of sale and not held."""

    id: str
    name: str
    position: int
    states: tuple[MapState, ...]
    held_by: tuple[MapHolder, ...]
    free_hosts: int
    hosts: tuple[MapHost, ...]


@dataclass(frozen=True, slots=True)
class MapPod:
    """A pod, with the entries that take all of it out of sale."""

    id: str
    flavor_id: str
    version: int
    states: tuple[MapState, ...]
    domains: tuple[MapDomain, ...]


@dataclass(frozen=True, slots=True)
class RegionMap:
    """A region. ``withdrawn``: no fleet document has it any more. ``observed_at`` is of the document."""

    region_id: str
    observed_at: int
    withdrawn: bool
    states: tuple[MapState, ...]
    pods: tuple[MapPod, ...]


_Place: TypeAlias = tuple[str, int]
"""A domain by its pod's id and its position."""

_STATE_OF_CAUSE = {
    Cause.CORDON: MapState.CORDONED,
    Cause.QUARANTINE: MapState.QUARANTINED,
    Cause.MAINTENANCE: MapState.IN_MAINTENANCE,
}


def map_of_region(services: Needs, region_id: str, pods: frozenset[str] = frozenset()) -> RegionMap:
    """The map of a region, or of some pods of it.

    Raises:
        NotFound: there is no such region, or it has none of these pods.
    """
    region = services.inventory.fresh_region(region_id)
    if region is None:
        raise NotFound("the region does not exist")
    if pods:
        found = [*services.inventory.pods({(region_id, pod_id) for pod_id in pods}).values()]
    else:
        found = services.inventory.pods_of(region_id)
    if pods and not found:
        raise NotFound("the region does not have the pod")
    cordons = services.fleet.cordons(region_id)
    # Records after owners: what is owned by then has its record.
    flavors = sorted({pod.flavor_id for pod in found})
    owners = {flavor: services.inventory.owners(region_id, flavor) for flavor in flavors}
    holders = _Holders.of(records_of(services, services.held.entries([region_id])))
    mapped = (
        _pod(
            pod,
            _domain_shapes(pod, shape_of(pod, offering_of(region, pod.flavor_id), cordons).domains),
            owners[pod.flavor_id].get(pod.id),
            holders,
            _Marks.of(cordons),
        )
        for pod in sorted(found, key=lambda pod: pod.id)
    )
    return RegionMap(
        region_id,
        region.observed_at,
        region.withdrawn,
        _Marks.of(cordons).states(Target()),
        tuple(mapped),
    )


@dataclass(frozen=True, slots=True)
class _Holders:
    """The records of a region: who has a tag, and the placements on the hosts of a domain by slot."""

    by_tag: Mapping[str, MapHolder]
    placed: Mapping[_Place, Mapping[int, MapHolder]]

    @classmethod
    def of(cls, records: Iterable[Record]) -> _Holders:
        by_tag: dict[str, MapHolder] = {}
        placed: dict[_Place, dict[int, MapHolder]] = {}
        for record in records:
            holder = MapHolder(kind_of(record), record.organization_id, record.id)
            match record:
                case Reservation():
                    named = (record.named,) if record.named else ()
                    by_tag |= {r.tag.hex(): holder for r in (*record.runs, *record.leaving, *named)}
                case Placement():
                    for _, position, slot in record.slots():
                        placed.setdefault((record.pod_id, position), {})[slot] = holder
                case CapacityClaim() | Vm():
                    by_tag[record.tag] = holder
        return cls(by_tag, placed)


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is out of sale, by target."""

    by_target: Mapping[Target, tuple[Cordon, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, cordons: Cordons) -> _Marks:
        by_target: dict[Target, tuple[Cordon, ...]] = {}
        for cordon in cordons.entries:
            by_target[cordon.target] = (*by_target.get(cordon.target, ()), cordon)
        return cls(by_target)

    def states(self, *targets: Target) -> tuple[MapState, ...]:
        """The states that the entries of these targets give, in the order of ``MapState``."""
        if not self.by_target:
            return ()
        found = {_STATE_OF_CAUSE[c.cause] for target in targets for c in self.by_target.get(target, ())}
        return tuple(state for state in MapState if state in found)


def _domain_shapes(pod: Pod, shapes: Iterable[DomainShape]) -> list[tuple[Domain, DomainShape]]:
    by_position = {shape.position: shape for shape in shapes}
    return [(domain, by_position[domain.position]) for domain in pod.domains]


def _pod(
    pod: Pod,
    domains: Iterable[tuple[Domain, DomainShape]],
    owners: PodOwners | None,
    holders: _Holders,
    marks: _Marks,
) -> MapPod:
    above = (Target(), Target(pod_id=pod.id))
    owned = owners.owners if owners else {}
    return MapPod(
        pod.id,
        pod.flavor_id,
        pod.version,
        marks.states(*above),
        tuple(
            _domain(
                domain,
                shape,
                owned.get(domain.position),
                holders.by_tag,
                holders.placed.get((pod.id, domain.position), {}),
                (marks, (*above, Target(pod_id=pod.id, domain_id=domain.id))),
            )
            for domain, shape in domains
        ),
    )


def _domain(
    domain: Domain,
    shape: DomainShape,
    owner: bytes | dict[str, int] | None,
    by_tag: Mapping[str, MapHolder],
    placed: Mapping[int, MapHolder],
    out_of_sale: tuple[_Marks, tuple[Target, ...]],
) -> MapDomain:
    parts = {owner.hex(): -1} if isinstance(owner, bytes) else owner or {}
    # GPUs are parts of the only host of their domain.
    masks = {tag: 1 if tag.startswith("g") else mask for tag, mask in parts.items()}
    held = 0
    for mask in masks.values():
        held |= mask
    everything = sum(1 << host.slot for host in domain.hosts)
    marks, targets = out_of_sale
    states = [_held(held & everything, everything, whole=isinstance(owner, bytes), parts=parts)]
    of_targets = {*marks.states(*targets)}
    if domain.cordoned:
        of_targets.add(MapState.CORDONED)
    hosts = tuple(
        _host(host, {tag for tag, mask in masks.items() if mask >> host.slot & 1}, by_tag, placed, marks)
        for host in sorted(domain.hosts, key=lambda host: host.slot)
    )
    of_hosts = {state for host in hosts for state in host.states if state in _STATE_OF_CAUSE.values()}
    if not shape.complete:
        of_targets.add(MapState.INCOMPLETE)
    states += [state for state in MapState if state in of_targets | of_hosts]
    free = 0 if shape.cordoned else (shape.usable & ~held).bit_count()
    holders = {by_tag[tag] for tag in parts if tag in by_tag} | {*placed.values()}
    return MapDomain(
        domain.id, domain.name, domain.position, tuple(states), tuple(sorted(holders)), free, hosts
    )


def _held(held: int, everything: int, *, whole: bool, parts: Mapping[str, int]) -> MapState:
    if whole:
        return MapState.HELD
    if not parts:
        return MapState.FREE
    of_gpus = any(tag.startswith("g") for tag in parts)
    return MapState.HELD if held == everything and not of_gpus else MapState.PARTLY_HELD


def _host(
    host: Host,
    tags: set[str],
    by_tag: Mapping[str, MapHolder],
    placed: Mapping[int, MapHolder],
    marks: _Marks,
) -> MapHost:
    of_gpus = bool(tags) and all(tag.startswith("g") for tag in tags)
    states = [MapState.PARTLY_HELD if of_gpus else MapState.HELD if tags else MapState.FREE]
    states += marks.states(Target(host_id=host.id))
    if host.state is not HostState.IN_SERVICE:
        states.append(MapState.OUT_OF_SERVICE)
    holders = {by_tag[tag] for tag in tags if tag in by_tag}
    if host.slot in placed:
        holders.add(placed[host.slot])
    return MapHost(host.id, host.name, host.slot, host.state, tuple(states), tuple(sorted(holders)))
