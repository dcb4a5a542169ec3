"""What becomes of a pod when the fleet manager reports it anew. Pure: standard library only.

The rules, in the order in which they are applied:

1. A pod keeps its flavor while it has hardware, and a held position keeps its domain: hardware never moves
   under a holder. What becomes of a pod whose report says otherwise stands in ``contradictions``.
2. A host stands in one place only. One that the inventory still has elsewhere is *withheld*: it appears at
   its new place once its old one has let go of it. Otherwise it could be sold from both.
3. A held position keeps its hosts, each in its slot: a server may stand on any of them. One that the report
   has somewhere else or not at all is missing, and another one reported in its slot is withheld until the
   position is free. So the place of a held host is never forgotten, whatever later reports say.
4. What vanished from a free position is dropped. The write demands that the position is still free
   (``PodChange.vacated``). A host that changes its slot vanishes from one as well. As a condition expression
   is limited, only so many positions are let go of at once, and the others stay as they are until the next
   round.
5. The version rises by one when anything of topology or usability changed, else nothing is to be written.

The caller writes the result under conditions and merges again with what it finds when one does not hold;
``held`` may be old, but never wrong in a way that frees somebody's hardware.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.inventory.model import Domain, Host, HostState, Pod, PodShape
from gpu_capacity.inventory.units import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from gpu_capacity.inventory.model import Offering

VACATED_MAX: Final = 100
"""Positions let go of in one write: each costs about 31 bytes of an expression that may have 4,096."""


@dataclass(frozen=True, slots=True)
class StoredPod:
    """A pod as the inventory has it.

    ``held`` are the positions that somebody owns, whole or in part; ``stamps`` is what stands at positions
    that were owned before.
    """

    pod: Pod
    shape: PodShape | None
    held: frozenset[int]
    stamps: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """What changed, in hosts; ``cordoned`` in domains. A replaced host is one removed and one added."""

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

    ``vacated`` are positions that must be free at the moment of the write. ``waiting`` counts hosts and
    positions that have to wait for another write or for a holder; merge again after it. ``withheld`` are
    the ids of the former, sorted: reported hosts that do not stand where they are reported.
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
) -> PodChange:
    """Bring the stored pod up to the report.

    Args:
        stored: the pod as it is, ``None`` when it is new.
        reported: the pod as the document has it, ``None`` when it vanished.
        offering: what the region sells from the flavor that the pod has from then on, if anything.
        elsewhere: ids of reported hosts that the inventory has in another pod.

    Raises:
        ValueError: both pods are ``None``.
    """
    base = stored.pod if stored else reported
    if base is None:
        raise ValueError("a pod that is neither stored nor reported")
    if stored and reported and stored.pod.flavor_id != reported.flavor_id:
        return _with_another_flavor(stored, reported, offering)
    if stored and reported and stored.pod.domains == reported.domains and not elsewhere:
        return as_stored(stored, stored.pod.domains, offering)
    version = stored.pod.version if stored else 0
    draft = _Draft(
        known={d.position: d for d in stored.pod.domains} if stored else {},
        told={d.position: d for d in reported.domains} if reported else {},
        held=stored.held if stored else frozenset(),
        withheld=frozenset(
            h.id for d in (reported.domains if reported else ()) for h in d.hosts if h.id in elsewhere
        ),
    ).settled()
    same = Pod(base.region_id, base.id, base.flavor_id, version, draft.domains())
    changed = stored is None or same != stored.pod or shape_of(same, offering) != stored.shape
    pod = replace(same, version=version + 1) if changed else same
    withheld = _absent(reported, pod)
    return PodChange(
        pod=pod,
        shape=shape_of(pod, offering),
        vacated=draft.vacated(),
        counts=_compare(stored.pod.domains if stored else (), pod.domains),
        changed=changed,
        waiting=len(withheld) + len(draft.postponed()),
        withheld=withheld,
    )


def as_stored(
    stored: StoredPod, domains: tuple[Domain, ...], offering: Offering | None, vacated: tuple[int, ...] = ()
) -> PodChange:
    """The stored pod with these domains in the place of its own, each at a position that it has already."""
    same = replace(stored.pod, domains=domains)
    changed = same != stored.pod or shape_of(same, offering) != stored.shape
    pod = replace(same, version=same.version + 1) if changed else same
    return PodChange(
        pod=pod,
        shape=shape_of(pod, offering),
        vacated=vacated,
        counts=_compare(stored.pod.domains, domains),
        changed=changed,
        waiting=0,
    )


def flavor_after(stored: StoredPod | None, reported: Pod | None) -> str:
    """The flavor that a pod has once it is merged: its own until it is empty."""
    if stored and (reported is None or stored.pod.domains):
        return stored.pod.flavor_id
    if reported is None:
        raise ValueError("a pod that is neither stored nor reported")
    return reported.flavor_id


def _with_another_flavor(stored: StoredPod, reported: Pod, offering: Offering | None) -> PodChange:
    """A pod that comes back with another flavor: emptied first, then filled. Its versions count on."""
    if stored.pod.domains:
        emptied = merge(stored, None, offering)
        return replace(emptied, waiting=emptied.waiting + 1)
    empty = replace(stored.pod, flavor_id=reported.flavor_id)
    return merge(StoredPod(empty, None, frozenset()), reported, offering)


@dataclass(frozen=True, slots=True)
class _Draft:
    """One way to merge, for a given set of hosts that must not appear at their reported place yet."""

    known: Mapping[int, Domain]
    told: Mapping[int, Domain]
    held: frozenset[int]
    withheld: frozenset[str]

    def settled(self) -> _Draft:
        """Withhold more hosts until each stands in one place. Ends, because ``withheld`` only grows."""
        draft = self
        while twice := _twice(draft.domains()) - draft.withheld:
            draft = replace(draft, withheld=draft.withheld | twice)
        return draft

    def domains(self) -> tuple[Domain, ...]:
        """The merged domains in position order."""
        postponed = self.postponed()
        merged: list[Domain] = []
        for position in sorted(self.known.keys() | self.told.keys()):
            known, told = self.known.get(position), self._told(position)
            if known and position in postponed:
                merged.append(known)
            elif known and position in self.held:
                merged.append(_kept(known, told))
            elif told:
                merged.append(told)
        return tuple(merged)

    def vacated(self) -> tuple[int, ...]:
        """Free positions that some hardware leaves with this write."""
        return self._leaving()[:VACATED_MAX]

    def postponed(self) -> frozenset[int]:
        """Free positions that some hardware leaves with a later write."""
        return frozenset(self._leaving()[VACATED_MAX:])

    def _leaving(self) -> tuple[int, ...]:
        return tuple(
            position
            for position, known in sorted(self.known.items())
            if position not in self.held and not _ids(known) <= _ids(self._told(position))
        )

    def _told(self, position: int) -> Domain | None:
        domain = self.told.get(position)
        if domain is None or self.withheld.isdisjoint(h.id for h in domain.hosts):
            return domain
        hosts = tuple(h for h in domain.hosts if h.id not in self.withheld)
        # A domain without any host tells nothing: it comes with its first host.
        return replace(domain, hosts=hosts) if hosts else None


def _ids(domain: Domain | None) -> set[tuple[str, str, int]]:
    """What leaves when it is gone: the domain itself, and each of its hosts from its slot."""
    if domain is None:
        return set()
    # With the slot: what claims own of a domain are slots, and they must be free when hosts change theirs.
    return {("domain", domain.id, -1), *(("host", h.id, h.slot) for h in domain.hosts)}


def _absent(reported: Pod | None, merged: Pod) -> tuple[str, ...]:
    """Reported hosts that do not stand where they are reported."""
    standing = {(d.position, h.slot): h.id for d in merged.domains for h in d.hosts}
    told = [(d.position, h) for d in (reported.domains if reported else ()) for h in d.hosts]
    return tuple(sorted(h.id for position, h in told if standing.get((position, h.slot)) != h.id))


def _kept(known: Domain, told: Domain | None) -> Domain:
    """A held domain: its hosts in their slots, as told or missing; what is told of other slots is added."""
    reported = {(h.slot, h.id): h for h in (told.hosts if told else ())}
    taken = {h.slot for h in known.hosts}
    here = {h.id for h in known.hosts}
    kept = [reported.get((h.slot, h.id), replace(h, state=HostState.MISSING)) for h in known.hosts]
    added = [h for (slot, host_id), h in reported.items() if slot not in taken and host_id not in here]
    return replace(told or known, hosts=tuple(sorted((*kept, *added), key=lambda h: h.slot)))


def _twice(domains: Iterable[Domain]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for domain in domains:
        for host in domain.hosts:
            (twice if host.id in seen else seen).add(host.id)
    return twice


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
