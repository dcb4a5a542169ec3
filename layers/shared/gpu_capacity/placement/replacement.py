"""Chooses the host to which a server of a placement moves when it has lost its own.

Only a free host of the same reservation that is fit now will do; hosts that the reservation keeps spare are
for this. The best one is the first by these concerns:

1. **The domain.** In the domain that the server is in now, all that talk over NVLink stay together.
2. **The policy.** *Pack* goes where the placement has hosts already, so that it is in no further domain.
   *Spread* goes where it has the fewest.
3. **What is left behind.** No whole unit is broken if another one will do. Then it comes from the unit with
   the most free hosts, so that others keep theirs for the next server that loses its host.
4. **The seed** decides between equal units. Of one unit the host in the lowest slot is taken.

There is nothing to search for: each concern is one of a single host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.placement.choose import mix
from gpu_capacity.placement.hosts import HostGrant, lowest
from gpu_capacity.placement.servers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gpu_capacity.placement.servers import UnitHosts


def choose_replacement(
    units: Iterable[UnitHosts], home: int, own: Mapping[int, int], policy: Policy, seed: int
) -> HostGrant | None:
    """Choose a host for a server that has lost its own. The order of ``units`` has no effect.

    Args:
        units: every unit of the reservation, all in one pod. How many hosts are kept spare does not matter.
        home: the position of the domain that the server is in.
        own: how many hosts the placement has at each position, without those that it leaves.
        policy: of the placement.
        seed: decides between equal units.

    Returns:
        One host; None if no free host of the reservation is fit.
    """

    def rank(unit: UnitHosts) -> tuple[bool, int, bool, int, int, int]:
        mine, free = own.get(unit.position, 0), unit.free.bit_count()
        there = int(mine == 0) if policy is Policy.PACK else mine
        return unit.position != home, there, unit.is_whole, -free, mix(seed, unit.position), unit.position

    fit = [unit for unit in units if unit.free & unit.ready]
    if not fit:
        return None
    best = min(fit, key=rank)
    return HostGrant(best.pod_id, best.position, lowest(best.free & best.ready, 1))
