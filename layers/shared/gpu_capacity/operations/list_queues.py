"""List the queues of capacity claims: who waits for which instances in which zone, in order of age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.roles import HasInventory

    class Needs(HasClaims, HasInventory, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claim that waits. ``place`` is 1 for who is served first."""

    place: int
    claim: CapacityClaim


@dataclass(frozen=True, slots=True)
class Queue:
    """The claims that wait for an instance type in a zone."""

    zone: str
    instance_type: str
    waiting: tuple[Waiting, ...]


def list_queues(services: Needs, zones: Iterable[str] = ()) -> list[Queue]:
    """The queues in which anybody waits, by zone and instance type.

    A zone that no document has any more keeps its queues until the claims have left them.

    Args:
        services: collaborators.
        zones: which; all of the catalogue if there are none.
    """
    wanted = frozenset(zones)
    found = []
    for region in services.inventory.regions():
        if wanted and region.id not in wanted:
            continue
        for instance_type in sorted({name for name, _ in region.instance_types}):
            keys = services.claims.queue(region.id, instance_type)
            claims = {(c.organization_id, c.id): c for c in services.claims.many(keys)} if keys else {}
            # A claim that is gone leaves its entry to the filler.
            waiting = [Waiting(place, claims[key]) for place, key in enumerate(keys, 1) if key in claims]
            if waiting:
                found.append(Queue(region.id, instance_type, tuple(waiting)))
    return found
