"""Worlds with all their hardware and nobody in them, made once by the real sync and copied for each run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from proof.cloud import Cloud
from proof.fleet import Fleet
from proof.stage import CALM_TEMPER
from proof.temper import NODES, SHAPES, SMALL_SHAPES
from proof.turns import Crew

if TYPE_CHECKING:
    from proof.fleet import Shape
    from testkit.dynamodb import MemoryDynamoDB

Pods = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
"""A shape that can be a key."""


@dataclass(frozen=True, slots=True, eq=False)
class Founded:
    """Tables after the first document of a fleet, and the sequence of that document."""

    db: MemoryDynamoDB
    sequence: int


def founded(shape: Shape, nodes: Shape) -> Founded:
    """The world of these racks and nodes."""
    return _founded(_pods(shape), _pods(nodes))


def found_all() -> None:
    """Make every world that a run may begin with, before anything is planted in the product."""
    for shape, nodes in product((*SHAPES, *SMALL_SHAPES), NODES):
        founded(shape, nodes)


@cache
def _founded(racks: Pods, nodes: Pods) -> Founded:
    shapes = [{region: dict(pods) for region, pods in places} for places in (racks, nodes)]
    cloud = Cloud(0, Crew(), replace(CALM_TEMPER, shape=shapes[0], nodes=shapes[1]), still=True)
    fleet = Fleet(*shapes)
    if refused := cloud.synchronize(fleet.publish()):
        raise AssertionError(f"the first document was refused: {refused}")
    return Founded(cloud.db, fleet.sequence)


def _pods(shape: Shape) -> Pods:
    return tuple((region, tuple(sorted(pods.items()))) for region, pods in sorted(shape.items()))
