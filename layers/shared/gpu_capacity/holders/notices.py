"""What holders read of maintenances: which are about their hosts. The same for every kind of holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.inventory.maintenances import hosts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasAnnouncements, HasInventory
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.inventory.model import Pod

    class Needs(HasAnnouncements, HasInventory, Protocol):
        """What the functions of this module work with."""


Place: TypeAlias = tuple[str, str, int, int]
"""Region id, pod id, position of a domain, and a mask over the slots of its hosts."""

EVERY_HOST: Final = -1
"""The mask of all hosts of a domain."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A maintenance that is about hosts of a holder, and their ids in order of domains and slots."""

    maintenance: Maintenance
    hosts: tuple[str, ...]


def notices(services: Needs, holders: Sequence[Sequence[Place]]) -> list[tuple[Notice, ...]]:
    """For each holder, by the places of its hosts, the maintenances that are about some of them.

    Where a region has no maintenance, which is kept for some seconds, this reads nothing. Else it reads the
    full topology of the pods.
    """
    announced = services.announcements.of(place[0] for places in holders for place in places)
    if not announced:
        return [() for _ in holders]
    pairs = {
        (region_id, pod_id)
        for places in holders
        for region_id, pod_id, _, _ in places
        if any(m.region_id == region_id and _may_be_in(m, pod_id) for m in announced)
    }
    pods = services.inventory.pods(pairs) if pairs else {}
    return [_notices(announced, pods, places) for places in holders]


def _may_be_in(maintenance: Maintenance, pod_id: str) -> bool:
    return any(target.pod_id in (None, pod_id) for target in maintenance.targets)


def _notices(
    announced: Iterable[Maintenance], pods: Mapping[tuple[str, str], Pod], places: Sequence[Place]
) -> tuple[Notice, ...]:
    found = []
    for maintenance in announced:
        hosts = tuple(
            host.id
            for pair in dict.fromkeys(place[:2] for place in places)
            if pair[0] == maintenance.region_id and pair in pods
            for position, host in hosts_of(maintenance.targets, pods[pair])
            if any(place[:3] == (*pair, position) and place[3] >> host.slot & 1 for place in places)
        )
        if hosts:
            found.append(Notice(maintenance, hosts))
    return tuple(found)
