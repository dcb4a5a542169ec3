"""Pods that a fleet document contradicts: it would move hardware that a holder owns. Pure: standard library.

The hardware of such a pod is not moved until the holder has released it or the document is corrected. But
hardware that the document reports as unusable must not be sold in the meantime. So losses are applied, and
nothing else:

1. A host in service that is reported unhealthy or out of service, in any place, gets that state.
2. A domain that is reported as cordoned becomes cordoned.
3. A host in service at a free position becomes missing if the document has it elsewhere or not at all. At a
   held position it keeps its state: there the document is in doubt, and the holder sees the health of its
   hardware.

A host returns to service only with the next document that does not contradict the pod.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_capacity.inventory.cordons import NO_CORDONS
from gpu_capacity.inventory.merge import VACATED_MAX, PodChange, as_stored
from gpu_capacity.inventory.model import Domain, Host, HostState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.merge import StoredPod
    from gpu_capacity.inventory.model import Offering, Pod


def contradiction(
    stored: StoredPod, reported: Pod | None, places: Mapping[str, tuple[str, int]]
) -> str | None:
    """Why the fleet document would move hardware that a holder owns; ``None`` if it would not.

    Args:
        stored: the pod as stored.
        reported: the pod in the document; ``None`` if it is absent there.
        places: (pod id, position) of every domain that the document has in the region, by domain id.
    """
    pod = stored.pod
    if not stored.held:
        return None
    if reported and reported.flavor_id != pod.flavor_id:
        return "it is held, and reported with another flavor"
    if reported and reported.domains == pod.domains:
        return None
    reported_ids = {d.position: d.id for d in reported.domains} if reported else {}
    for domain in pod.domains:
        if domain.position not in stored.held:
            continue
        place = (pod.id, domain.position)
        if reported_ids.get(domain.position, domain.id) != domain.id:
            return f"position {domain.position} is held, and another domain is reported there"
        if places.get(domain.id, place) != place:
            return f"position {domain.position} is held, and its domain is reported elsewhere"
    return None


@dataclass(frozen=True, slots=True)
class Losses:
    """What a fleet document says about hardware that must not move.

    Attributes:
        states: the state of every host in the document, by host id.
        cordoned: ids of the domains of the region that the document has as cordoned.
        present: (position, slot, host id) of every host that the document has in the pod; ``None`` if absence
            means nothing, because the document lacks too many hosts to be believed.
    """

    states: Mapping[str, HostState]
    cordoned: AbstractSet[str]
    present: AbstractSet[tuple[int, int, str]] | None


def follow_losses(
    stored: StoredPod, losses: Losses, offering: Offering | None, cordons: Cordons = NO_CORDONS
) -> PodChange:
    """Apply losses to the stored pod. No host, domain or position is added, removed or moved.

    Free positions where hosts become missing are ``vacated``: the write demands that they are still free. If
    a holder takes one first, its hosts stay in service until the next round. One write vacates at most
    ``VACATED_MAX`` positions; the others wait for a later write.
    """
    domains: list[Domain] = []
    vacated: list[int] = []
    waiting = 0
    for domain in stored.pod.domains:
        free = domain.position not in stored.held
        after = _worse(domain, losses, free=free)
        if any(h.state is HostState.MISSING and h not in domain.hosts for h in after.hosts):
            if len(vacated) == VACATED_MAX:
                waiting += 1
                after = domain
            else:
                vacated.append(domain.position)
        domains.append(after)
    return replace(
        as_stored(stored, tuple(domains), offering, tuple(vacated), cordons=cordons), waiting=waiting
    )


def _worse(domain: Domain, losses: Losses, *, free: bool) -> Domain:
    cordoned = domain.cordoned or domain.id in losses.cordoned
    hosts = tuple(_host_after(domain.position, host, losses, free=free) for host in domain.hosts)
    return replace(domain, cordoned=cordoned, hosts=hosts)


def _host_after(position: int, host: Host, losses: Losses, *, free: bool) -> Host:
    if host.state is not HostState.IN_SERVICE:
        return host
    state = losses.states.get(host.id, HostState.IN_SERVICE)
    if state is not HostState.IN_SERVICE:
        return replace(host, state=state)
    if free and losses.present is not None and (position, host.slot, host.id) not in losses.present:
        return replace(host, state=HostState.MISSING)
    return host
