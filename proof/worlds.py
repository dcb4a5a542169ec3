"""Tables with hardware and without holders, created once by the real sync and copied for each run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from proof.cloud import Cloud
from proof.fleet import Fleet
from proof.profiles import NODES, SHAPES, SMALL_SHAPES
from proof.stage import CALM_PROFILE

if TYPE_CHECKING:
    from proof.fleet import Shape
    from testkit.dynamodb import MemoryDynamoDB

Pods = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
"""A hashable shape."""


@dataclass(frozen=True, slots=True, eq=False)
class NewWorld:
    """Tables after the first document of a fleet, and the sequence of that document."""

    db: MemoryDynamoDB
    sequence: int


def new_world(shape: Shape, nodes: Shape) -> NewWorld:
    """Return the tables with these racks and nodes."""
    return _new_world(_pods(shape), _pods(nodes))


def make_all_worlds() -> None:
    """Create the tables of every shape that a run may have, before a bug is planted in the product."""
    for shape, nodes in product((*SHAPES, *SMALL_SHAPES), NODES):
        new_world(shape, nodes)


@cache
def _new_world(racks: Pods, nodes: Pods) -> NewWorld:
    shapes = [{region: dict(pods) for region, pods in places} for places in (racks, nodes)]
    cloud = Cloud(0, replace(CALM_PROFILE, shape=shapes[0], nodes=shapes[1]), still=True)
    fleet = Fleet(*shapes)
    if refused := cloud.synchronize(fleet.publish()):
        raise AssertionError(f"the first document was refused: {refused}")
    return NewWorld(cloud.db, fleet.sequence)


def _pods(shape: Shape) -> Pods:
    return tuple((region, tuple(sorted(pods.items()))) for region, pods in sorted(shape.items()))
