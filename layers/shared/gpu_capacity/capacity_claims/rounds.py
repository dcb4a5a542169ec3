"""What one round of a capacity claim may touch, and what it gives back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.record import ClaimStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.capacity_claims.record import Allocation, CapacityClaim

PODS_PER_ROUND_MAX: Final = 59
"""A transaction takes 100 actions: these, for each zone its queue entry and the check of its queue, and the
record."""

DOMAINS_PER_POD_ROUND_MAX: Final = 128
"""Domains of one pod that one round touches: one condition each, in an expression of at most 4 KB and 300
operators."""

DOMAINS_PER_ROUND_MAX: Final = 300
"""Domains that one round touches, over all pods: bounds the size of a transaction."""


def to_give_back(claim: CapacityClaim) -> tuple[Allocation, ...]:
    """The hosts that the next round gives back, within the bounds of one transaction.

    Everything when the claim is being deleted; else what stands in zones that are no longer asked for, and
    then the surplus, from the least preferred zone first. There the smallest holdings go first, so that
    whole domains become free.
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
    """As many of them, in their order, as one transaction can give back."""
    chosen: list[Allocation] = []
    # By pod, how many of its domains are chosen.
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
