"""Lists the free slices of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.placement.slices import SLICE_SIZES, free_slices
from gpu_capacity.vms.gpus import gpus_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.model import Flavor
    from gpu_capacity.inventory.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class NodeOffer:
    """What is free on a node.

    ``free`` is a mask over its GPUs. ``slices`` has, for each of the sizes 1, 2, 4 and 8 that the node is
    large enough for, the number of free slices.
    """

    node: str
    region_id: str
    flavor: Flavor
    free: int
    slices: Mapping[int, int]


def free_offers(services: HasInventory) -> list[NodeOffer]:
    """What is free on the nodes of public regions, ordered by region and node; read strongly consistent."""
    snapshots: dict[tuple[str, str], Snapshot] = {}
    offers = []
    for name, place in services.inventory.nodes().items():
        if place.region.organizations:
            continue
        pair = (place.region.id, place.flavor.id)
        if pair not in snapshots:
            snapshots[pair] = services.inventory.fresh_snapshot(*pair)
        node = gpus_in(snapshots[pair], place.pod_id, place.position, place.gpus)
        free = node.open if node is not None else 0
        slices = {size: len(free_slices(free, size)) for size in SLICE_SIZES if size <= place.gpus}
        offers.append(NodeOffer(name, place.region.id, place.flavor, free, slices))
    return sorted(offers, key=lambda offer: (offer.region_id, offer.node))


def offers_shown(services: HasInventory) -> list[NodeOffer]:
    """The same, at most ``ANSWER_SECONDS_MAX`` old. That will do: a rental is decided on a fresh read."""
    return services.inventory.cached_answer("offers", lambda: free_offers(services))
