"""What operators have cordoned: hardware that takes no new holder. Pure: standard library only.

A fleet document has cordons of its own, on domains. Those of operators are beside it: no document sets or
lifts them. Both have the same effect on what is sold, which ``units.shape_of`` computes, and the holders of
cordoned hardware keep it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class Cordon:
    """One cordon. ``reason`` is the operator's, ``since`` in seconds since the epoch, ``by`` who made it."""

    target: Target
    reason: str
    since: int
    by: str


@dataclass(frozen=True, slots=True)
class Cordons:
    """All cordons of operators in a region. ``revision`` rises with every change of them, from 0 for none."""

    region_id: str
    revision: int = 0
    entries: tuple[Cordon, ...] = ()

    def of(self, target: Target) -> Cordon | None:
        """The cordon of exactly this target."""
        return next((cordon for cordon in self.entries if cordon.target == target), None)

    def covers(self, pod_id: str, domain: Domain) -> bool:
        """Whether a whole domain is cordoned: by itself, with its pod, or with its region."""
        targets = (Target(), Target(pod_id=pod_id), Target(pod_id=pod_id, domain_id=domain.id))
        return any(cordon.target in targets for cordon in self.entries)

    @property
    def hosts(self) -> frozenset[str]:
        """The ids of the hosts that are cordoned by themselves."""
        return frozenset(c.target.host_id for c in self.entries if c.target.host_id is not None)

    def with_cordon(self, cordon: Cordon) -> Cordons:
        """These and another one, which replaces one of the same target."""
        return self._changed((*self._others(cordon.target), cordon))

    def without(self, target: Target) -> Cordons:
        """These without the cordon of a target."""
        return self._changed(self._others(target))

    def _others(self, target: Target) -> tuple[Cordon, ...]:
        return tuple(cordon for cordon in self.entries if cordon.target != target)

    def _changed(self, entries: tuple[Cordon, ...]) -> Cordons:
        return replace(self, revision=self.revision + 1, entries=entries)


NO_CORDONS: Final = Cordons("")
"""For a pod that no operator has cordoned anything of."""
