"""List what takes no new holder in a region, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Target

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasFleet, HasInventory
    from gpu_capacity.inventory.cordons import Cordon

    class Needs(HasFleet, HasInventory, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class CordonList:
    """What is out of sale in a region: by operators, oldest first, and by the document, in order of pods."""

    of_operators: tuple[Cordon, ...]
    of_document: tuple[Target, ...]


def list_cordons(services: Needs, region_id: str) -> CordonList:
    """The cordons of a region.

    Raises:
        NotFound: the region does not exist.
    """
    if services.inventory.fresh_region(region_id) is None:
        raise NotFound("the region does not exist")
    documents = (
        Target(pod_id=pod.id, domain_id=domain.id)
        for pod in services.inventory.pods_of(region_id)
        for domain in pod.domains
        if domain.cordoned
    )
    entries = services.fleet.cordons(region_id).entries
    return CordonList(tuple(sorted(entries, key=lambda one: one.since)), tuple(documents))
