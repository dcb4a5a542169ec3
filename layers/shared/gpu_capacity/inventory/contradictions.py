"""A pod that a report contradicts: its hardware would move under a holder. Pure: standard library only.

Nothing of such a pod moves until the holder has gone or the report is corrected. But what the report calls
dead must not be sold meanwhile. So losses are followed, and only losses:

1. A host in service that is reported unhealthy or out of service, wherever it is reported, becomes that.
2. A domain that is reported cordoned becomes cordoned.
3. A host in service at a free position is missing where the report has it elsewhere or not at all. At a held
   position it stays: there the report is what is in doubt, and a holder sees the health of its hardware.

Gains wait: a host comes back into service with the first report that does not contradict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_capacity.inventory.merge import VACATED_MAX, PodChange, as_stored
from gpu_capacity.inventory.model import Domain, Host, HostState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from gpu_capacity.inventory.merge import StoredPod
    from gpu_capacity.inventory.model import Offering, Pod


def contradiction(
    stored: StoredPod, reported: Pod | None, places: Mapping[str, tuple[str, int]]
) -> str | None:
    """Why a report would move hardware under a holder; ``None`` where it does not.

    Args:
        stored: the pod as it is.
        reported: the pod as the document has it, ``None`` when it vanished.
        places: pod id and position of every domain that is reported of the region, by domain id.
    """
    pod = stored.pod
    if not stored.held:
        return None
    if reported and reported.flavor_id != pod.flavor_id:
        return "it is held, and reported with another flavor"
    if reported and reported.domains == pod.domains:
        return None
    told = {d.position: d.id for d in reported.domains} if reported else {}
    for domain in pod.domains:
        if domain.position not in stored.held:
            continue
        place = (pod.id, domain.position)
        if told.get(domain.position, domain.id) != domain.id:
            return f"position {domain.position} is held, and another domain is reported there"
        if places.get(domain.id, place) != place:
            return f"position {domain.position} is held, and its domain is reported elsewhere"
    return None


@dataclass(frozen=True, slots=True)
class Losses:
    """What a report says of hardware that must not move.

    Attributes:
        states: every reported host's state, by host id.
        cordoned: ids of the domains of the region that are reported cordoned.
        standing: (position, slot, host id) of the hosts that are reported of the pod; ``None`` where absence
            says nothing, because too much is absent for the report to be believed.
    """

    states: Mapping[str, HostState]
    cordoned: AbstractSet[str]
    standing: AbstractSet[tuple[int, int, str]] | None


def follow_losses(stored: StoredPod, losses: Losses, offering: Offering | None) -> PodChange:
    """The stored pod with what it lost: no host, domain or position comes, goes or moves.

    Free positions of which hosts are missing from then on are ``vacated``: whoever claims one first keeps its
    hosts in service until the next round. Only so many change in one write; the others wait.
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
    return replace(as_stored(stored, tuple(domains), offering, tuple(vacated)), waiting=waiting)


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
    if free and losses.standing is not None and (position, host.slot, host.id) not in losses.standing:
        return replace(host, state=HostState.MISSING)
    return host
