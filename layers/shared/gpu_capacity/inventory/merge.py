"""Merges a pod as the fleet manager reports it into the pod as stored. Pure: standard library only.

A position is *held* if its domain is owned, in whole or in part. The rules, in the order of application:

1. A pod keeps its flavor while it has hardware, and a held position keeps its domain, because owned hardware
   never moves. ``contradictions`` handles a pod whose report demands otherwise.
2. A host is in one place only, otherwise it could be sold twice. A host that the inventory still has
   elsewhere is *withheld*: it appears in its new place after it was removed from its old one.
3. A held position keeps its hosts, each in its slot, because a server may run on any of them. A host that is
   reported elsewhere or not at all becomes missing. Another host that is reported in its slot is withheld
   until the position is free. So the place of an owned host is never lost, whatever later reports contain.
4. Hardware that is no longer reported at a free position is removed. The write demands that the position is
   still free (``PodChange.vacated``). A host that changes its slot is removed from the old slot in the same
   way. Because the length of a condition expression is limited, one write vacates a limited number of
   positions; the others do not change until the next round.
5. The version rises by one if topology or usability changed. Otherwise nothing is written.

The caller writes the result under conditions. If a condition fails, it merges again with what it then reads.
So ``held`` may be stale: the condition prevents that owned hardware is removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.inventory.cordons import NO_CORDONS
from gpu_capacity.inventory.model import Domain, Host, HostState, Pod, PodShape
from gpu_capacity.inventory.units import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.model import Offering

VACATED_MAX: Final = 100
"""Positions that one write vacates: each takes about 31 bytes of an expression, which may have 4,096."""


@dataclass(frozen=True, slots=True)
class StoredPod:
    """A pod in the inventory.

    ``held`` has the positions that are owned, in whole or in part. ``stamps`` has the stamp of every position
    that was ever booked or emptied. ``shape`` is ``None`` if it is absent or cannot be read.
    """

    pod: Pod
    shape: PodShape | None
    held: frozenset[int]
    stamps: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of changed hosts; ``cordoned`` counts domains. A replaced host is one removed and one added."""

    added: int = 0
    removed: int = 0
    gone_unhealthy: int = 0
    recovered: int = 0
    missing: int = 0
    cordoned: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class PodChange:
    """The pod as it is to be stored.

    ``vacated`` positions must be free at the moment of the write. ``waiting`` is the number of hosts and
    positions that have to wait for another write or for a holder; merge again after it. ``withheld`` has the
    ids of these hosts, sorted: hosts that are not in the place where they are reported.
    """

    pod: Pod
    shape: PodShape
    vacated: tuple[int, ...]
    counts: Counts
    changed: bool
    waiting: int
    withheld: tuple[str, ...] = ()


def merge(
    stored: StoredPod | None,
    reported: Pod | None,
    offering: Offering | None,
    elsewhere: AbstractSet[str] = frozenset(),
    cordons: Cordons = NO_CORDONS,
) -> PodChange:
    """Merge the reported pod into the stored one.

    Args:
        stored: the pod as stored; ``None`` if it is new.
        reported: the pod in the document; ``None`` if it is absent there.
        offering: the region's offering of the flavor that the pod has after the merge, if there is one.
        elsewhere: ids of reported hosts that the inventory has in another pod.
        cordons: of operators, in the region.

    Raises:
        ValueError: both pods are ``None``.
    """
    base = stored.pod if stored else reported
    if base is None:
        raise ValueError("a pod that is neither stored nor reported")
    if stored and reported and stored.pod.flavor_id != reported.flavor_id:
        return _with_another_flavor(stored, reported, offering, cordons)
    if stored and reported and stored.pod.domains == reported.domains and not elsewhere:
        return as_stored(stored, stored.pod.domains, offering, cordons=cordons)
    version = stored.pod.version if stored else 0
    draft = _Draft(
        stored={d.position: d for d in stored.pod.domains} if stored else {},
        reported={d.position: d for d in reported.domains} if reported else {},
        held=stored.held if stored else frozenset(),
        withheld=frozenset(
            h.id for d in (reported.domains if reported else ()) for h in d.hosts if h.id in elsewhere
        ),
    ).settled()
    same = Pod(base.region_id, base.id, base.flavor_id, version, draft.domains())
    changed = stored is None or same != stored.pod or shape_of(same, offering, cordons) != stored.shape
    pod = replace(same, version=version + 1) if changed else same
    withheld = _absent(reported, pod)
    return PodChange(
        pod=pod,
        shape=shape_of(pod, offering, cordons),
        vacated=draft.vacated(),
        counts=_compare(stored.pod.domains if stored else (), pod.domains),
        changed=changed,
        waiting=len(withheld) + len(draft.postponed()),
        withheld=withheld,
    )


def as_stored(
    stored: StoredPod,
    domains: tuple[Domain, ...],
    offering: Offering | None,
    vacated: tuple[int, ...] = (),
    *,
    cordons: Cordons = NO_CORDONS,
) -> PodChange:
    """The change that replaces the domains of the stored pod, each at a position that the pod already has."""
    same = replace(stored.pod, domains=domains)
    changed = same != stored.pod or shape_of(same, offering, cordons) != stored.shape
    pod = replace(same, version=same.version + 1) if changed else same
    return PodChange(
        pod=pod,
        shape=shape_of(pod, offering, cordons),
        vacated=vacated,
        counts=_compare(stored.pod.domains, domains),
        changed=changed,
        waiting=0,
    )


def flavor_after(stored: StoredPod | None, reported: Pod | None) -> str:
    """The flavor of the pod after the merge: its stored flavor unless it is empty."""
    if stored and (reported is None or stored.pod.domains):
        return stored.pod.flavor_id
    if reported is None:
        raise ValueError("a pod that is neither stored nor reported")
    return reported.flavor_id


def _with_another_flavor(
    stored: StoredPod, reported: Pod, offering: Offering | None, cordons: Cordons
) -> PodChange:
    """Merge a pod that is reported with another flavor: empty it first, fill it later. Versions continue."""
    if stored.pod.domains:
        emptied = merge(stored, None, offering, cordons=cordons)
        return replace(emptied, waiting=emptied.waiting + 1)
    empty = replace(stored.pod, flavor_id=reported.flavor_id)
    return merge(StoredPod(empty, None, frozenset()), reported, offering, cordons=cordons)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A merge with a given set of withheld hosts, which do not appear in their reported place yet."""

    stored: Mapping[int, Domain]
    reported: Mapping[int, Domain]
    held: frozenset[int]
    withheld: frozenset[str]

    def settled(self) -> _Draft:
        """Withhold more hosts until each is in one place. Terminates, because ``withheld`` only grows."""
        draft = self
        while duplicates := _duplicates(draft.domains()) - draft.withheld:
            draft = replace(draft, withheld=draft.withheld | duplicates)
        return draft

    def domains(self) -> tuple[Domain, ...]:
        """The merged domains in position order."""
        postponed = self.postponed()
        merged: list[Domain] = []
        for position in sorted(self.stored.keys() | self.reported.keys()):
            stored, reported = self.stored.get(position), self._reported_at(position)
            if stored and position in postponed:
                merged.append(stored)
            elif stored and position in self.held:
                merged.append(_kept(stored, reported))
            elif reported:
                merged.append(reported)
        return tuple(merged)

    def vacated(self) -> tuple[int, ...]:
        """Free positions from which this write removes hardware."""
        return self._leaving()[:VACATED_MAX]

    def postponed(self) -> frozenset[int]:
        """Free positions from which a later write removes hardware."""
        return frozenset(self._leaving()[VACATED_MAX:])

    def _leaving(self) -> tuple[int, ...]:
        return tuple(
            position
            for position, stored in sorted(self.stored.items())
            if position not in self.held and not _ids(stored) <= _ids(self._reported_at(position))
        )

    def _reported_at(self, position: int) -> Domain | None:
        """The reported domain without its withheld hosts; ``None`` if no host is left."""
        domain = self.reported.get(position)
        if domain is None or self.withheld.isdisjoint(h.id for h in domain.hosts):
            return domain
        hosts = tuple(h for h in domain.hosts if h.id not in self.withheld)
        # A domain without hosts is not stored. It appears with its first host.
        return replace(domain, hosts=hosts) if hosts else None


def _ids(domain: Domain | None) -> set[tuple[str, str, int]]:
    """The removable parts: the domain itself, and each of its hosts with its slot."""
    if domain is None:
        return set()
    # With the slot, because holders own slots: a slot must be free before its host changes.
    return {("domain", domain.id, -1), *(("host", h.id, h.slot) for h in domain.hosts)}


def _absent(reported: Pod | None, merged: Pod) -> tuple[str, ...]:
    """Ids of the reported hosts that are not in their reported place, sorted."""
    present = {(d.position, h.slot): h.id for d in merged.domains for h in d.hosts}
    wanted = [(d.position, h) for d in (reported.domains if reported else ()) for h in d.hosts]
    return tuple(sorted(h.id for position, h in wanted if present.get((position, h.slot)) != h.id))


def _kept(stored: Domain, reported: Domain | None) -> Domain:
    """A held domain after the merge.

    Its hosts stay in their slots, with their reported states or as missing. Hosts that are reported in other
    slots are added.
    """
    by_slot = {(h.slot, h.id): h for h in (reported.hosts if reported else ())}
    taken = {h.slot for h in stored.hosts}
    here = {h.id for h in stored.hosts}
    kept = [by_slot.get((h.slot, h.id), replace(h, state=HostState.MISSING)) for h in stored.hosts]
    added = [h for (slot, host_id), h in by_slot.items() if slot not in taken and host_id not in here]
    return replace(reported or stored, hosts=tuple(sorted((*kept, *added), key=lambda h: h.slot)))


def _duplicates(domains: Iterable[Domain]) -> set[str]:
    """Ids of the hosts that are in more than one place."""
    seen: set[str] = set()
    duplicates: set[str] = set()
    for domain in domains:
        for host in domain.hosts:
            (duplicates if host.id in seen else seen).add(host.id)
    return duplicates


def _compare(before: tuple[Domain, ...], after: tuple[Domain, ...]) -> Counts:
    if before == after:
        return Counts()
    old: dict[str, Host] = {h.id: h for d in before for h in d.hosts}
    new: dict[str, Host] = {h.id: h for d in after for h in d.hosts}
    stayed = [(old[i].state, new[i].state) for i in old.keys() & new.keys()]
    broken = {HostState.UNHEALTHY, HostState.OUT_OF_SERVICE}
    cordoned = {d.id for d in before if d.cordoned}
    return Counts(
        added=len(new.keys() - old.keys()),
        removed=len(old.keys() - new.keys()),
        gone_unhealthy=sum(a is HostState.IN_SERVICE and b in broken for a, b in stayed),
        recovered=sum(a is not HostState.IN_SERVICE and b is HostState.IN_SERVICE for a, b in stayed),
        missing=sum(a is not HostState.MISSING and b is HostState.MISSING for a, b in stayed),
        cordoned=sum(d.cordoned and d.id not in cordoned for d in after),
    )
