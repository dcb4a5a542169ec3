"""The limits of one round of a capacity claim, and which hosts a round gives back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.record import ClaimStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.capacity_claims.record import Allocation, CapacityClaim

PODS_PER_ROUND_MAX: Final = 59
"""Pods that one round writes. A transaction takes 100 actions: these, the record, and for each of up to 20
zones its queue entry and the check of its queue."""

DOMAINS_PER_POD_ROUND_MAX: Final = 128
"""Domains of one pod that one round writes. Each has a condition of its own, in an expression of at most 4 KB
and 300 operators."""

DOMAINS_PER_ROUND_MAX: Final = 300
"""Domains that one round writes, over all pods: limits the size of the transaction."""


def to_give_back(claim: CapacityClaim) -> tuple[Allocation, ...]:
    """The hosts that the next round gives back, within the limits of one transaction.

    All hosts if the claim is being deleted. Else those in zones that it no longer asks for; if there are
    none, the surplus, from the least preferred zone first. Within a zone the smallest holdings go first, so
    that whole domains become free.
    """
    if claim.status is ClaimStatus.DELETING:
        return _one_round(claim.allocations)
    strays = [a for a in claim.allocations if a.zone not in claim.zones]
    if strays:
        return _one_round(strays)
    rank = {zone: index for index, zone in enumerate(claim.zones)}
    surplus = claim.surplus
    chosen: list[Allocation] = []
    for allocation in sorted(claim.allocations, key=lambda a: (-rank[a.zone], a.count, a.pod_id, a.position)):
        if surplus <= 0:
            break
        hosts = _highest(allocation.hosts, surplus)
        chosen.append(replace(allocation, hosts=hosts))
        surplus -= hosts.bit_count()
    return _one_round(chosen)


def _one_round(allocations: Iterable[Allocation]) -> tuple[Allocation, ...]:
    """As many of them, in this order, as one transaction can give back."""
    chosen: list[Allocation] = []
    # By (zone, pod): how many of its domains are chosen.
    pods: Counter[tuple[str, str]] = Counter()
    for allocation in allocations:
        pod = (allocation.zone, allocation.pod_id)
        is_new = pod not in pods
        if pods[pod] == DOMAINS_PER_POD_ROUND_MAX or (is_new and len(pods) == PODS_PER_ROUND_MAX):
            continue
        pods[pod] += 1
        chosen.append(allocation)
        if len(chosen) == DOMAINS_PER_ROUND_MAX:
            break
    return tuple(chosen)


def _highest(mask: int, count: int) -> int:
    """The ``count`` highest set bits of a mask, or all of them."""
    taken = 0
    while mask and count:
        highest = 1 << (mask.bit_length() - 1)
        taken |= highest
        mask ^= highest
        count -= 1
    return taken
