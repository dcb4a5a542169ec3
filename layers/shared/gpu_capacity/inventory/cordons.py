"""What is out of sale beside the fleet document: it takes no new holder. Pure: standard library only.

Each entry has a cause: an operator cordoned it, a host failed and is in quarantine, or a maintenance has it.
A fleet document has cordons of its own, on domains; it neither sets nor lifts these, but for the quarantine
of a host that it reports as repaired. All have the same effect on what is sold, which ``units.shape_of``
computes, and holders keep what they have. A quarantined host does not count as in service either, so its
holder sees that it is impaired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.model import Domain, Pod


@dataclass(frozen=True, slots=True)
class Target:
    """What is cordoned: a whole region, or one pod, domain or host of it, by the ids of the fleet document.

    A domain is named with its pod. The id of a host is unique in the fleet.
    """

    pod_id: str | None = None
    domain_id: str | None = None
    host_id: str | None = None

    def __str__(self) -> str:
        if self.host_id is not None:
            return f"host {self.host_id}"
        if self.domain_id is not None:
            return f"domain {self.pod_id}/{self.domain_id}"
        return f"pod {self.pod_id}" if self.pod_id is not None else "the region"

    def is_in(self, pod: Pod) -> bool:
        """Whether the pod has the target or is part of it."""
        if self.pod_id is not None and self.pod_id != pod.id:
            return False
        if self.domain_id is not None and all(domain.id != self.domain_id for domain in pod.domains):
            return False
        return self.host_id is None or any(
            host.id == self.host_id for domain in pod.domains for host in domain.hosts
        )


class Cause(StrEnum):
    """Why hardware is out of sale."""

    CORDON = "cordon"
    QUARANTINE = "quarantine"
    MAINTENANCE = "maintenance"


CordonKey: TypeAlias = tuple[Target, Cause, str | None]
"""Target, cause and id of the maintenance. A region has one entry for each."""


@dataclass(frozen=True, slots=True)
class Cordon:
    """One entry. ``since`` is in seconds since the epoch, ``by`` who made it.

    Holders of a quarantined host read the ``reason``; other reasons are for operators. Only hosts are
    quarantined: ``evidence`` is what was seen of the failure, for operators. ``maintenance_id`` is the
    maintenance that made the entry, which may be one of several of the same target.
    """

    target: Target
    reason: str
    since: int
    by: str
    cause: Cause = Cause.CORDON
    evidence: str | None = None
    maintenance_id: str | None = None

    @property
    def key(self) -> CordonKey:
        """What distinguishes it from the other entries of the region."""
        return self.target, self.cause, self.maintenance_id


@dataclass(frozen=True, slots=True)
class Cordons:
    """All that is out of sale in a region. ``revision`` rises with every change, from 0 for no item."""

    region_id: str
    revision: int = 0
    entries: tuple[Cordon, ...] = ()

    def of(
        self, target: Target, cause: Cause = Cause.CORDON, maintenance_id: str | None = None
    ) -> Cordon | None:
        """The entry of exactly this target and cause."""
        key = (target, cause, maintenance_id)
        return next((cordon for cordon in self.entries if cordon.key == key), None)

    def covers(self, pod_id: str, domain: Domain) -> bool:
        """Whether a whole domain is cordoned: by itself, with its pod, or with its region."""
        targets = (Target(), Target(pod_id=pod_id), Target(pod_id=pod_id, domain_id=domain.id))
        return any(cordon.target in targets for cordon in self.entries)

    @property
    def hosts(self) -> frozenset[str]:
        """The ids of the hosts that are out of sale by themselves, whatever the cause."""
        return frozenset(c.target.host_id for c in self.entries if c.target.host_id is not None)

    @property
    def quarantines(self) -> dict[str, Cordon]:
        """The quarantined hosts, by id."""
        return {
            c.target.host_id: c
            for c in self.entries
            if c.cause is Cause.QUARANTINE and c.target.host_id is not None
        }

    def of_maintenance(self, maintenance_id: str) -> tuple[Cordon, ...]:
        """The entries of a maintenance."""
        return tuple(c for c in self.entries if c.maintenance_id == maintenance_id)

    @property
    def maintenance_ids(self) -> tuple[str, ...]:
        """The maintenances that have entries, in the order of their ids."""
        return tuple(sorted({c.maintenance_id for c in self.entries if c.maintenance_id is not None}))

    def with_maintenance(self, maintenance_id: str, entries: tuple[Cordon, ...]) -> Cordons:
        """These with exactly these entries of a maintenance. The same if they are so already."""
        if set(entries) == set(self.of_maintenance(maintenance_id)):
            return self
        others = tuple(c for c in self.entries if c.maintenance_id != maintenance_id)
        return self._changed((*others, *entries))

    def with_cordon(self, cordon: Cordon) -> Cordons:
        """These and another one, which replaces one of the same target and cause."""
        return self._changed((*self._others({cordon.key}), cordon))

    def without(
        self, target: Target, cause: Cause = Cause.CORDON, maintenance_id: str | None = None
    ) -> Cordons:
        """These without the entry of a target and cause."""
        return self._changed(self._others({(target, cause, maintenance_id)}))

    def without_repaired(self, repaired: Mapping[str, int]) -> Cordons:
        """These without the quarantines of hosts that were repaired since. The same if there are none.

        Args:
            repaired: when hosts were repaired, in seconds since the epoch, by their ids.
        """
        gone = {c.key for host_id, c in self.quarantines.items() if c.since < repaired.get(host_id, 0)}
        return self._changed(self._others(gone)) if gone else self

    def _others(self, keys: set[CordonKey]) -> tuple[Cordon, ...]:
        return tuple(cordon for cordon in self.entries if cordon.key not in keys)

    def _changed(self, entries: tuple[Cordon, ...]) -> Cordons:
        return replace(self, revision=self.revision + 1, entries=entries)


NO_CORDONS: Final = Cordons("")
"""For a pod of which nothing is out of sale."""
