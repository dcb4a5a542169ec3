"""Stages on which a step that moved a reservation has crashed, and its last write may still land.

The workflow's next step, a delete and rivals act there, and the last write of the step that crashed, which
got no answer, lands late in between.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.moving import move
from gpu_capacity.reservations.provisioning import begin_provisioning, provision_reservation
from proof.cloud import DELETE_SECONDS, Cloud
from proof.faults import Work
from proof.planting import as_planted
from proof.reservations import Reservations
from proof.scene import Beginning
from proof.stage import CALM_PROFILE, prepared
from proof.wire import WRITES
from testkit.items import RESERVATION
from testkit.world import ORGANIZATION, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.scene import Scene, Start
    from proof.stage import Stage
    from testkit.dynamodb import MemoryDynamoDB

    Sent = tuple[str, dict[str, Any]]

BOOK, LIST = 1, 2
"""Writes of a move, after the one that names its run."""

_SEED: Final = 20_101
_MOVING: Final = "stays"
"""The holder that moves."""


@cache
def _begun() -> Stage:
    """The stage of all operations, where the provisioning of a reservation has begun."""
    stage = prepared()
    cloud = _cloud(stage.db, stage.seconds)
    begin_provisioning(cloud.environment().services, (ORGANIZATION, _identity(stage)))
    return replace(stage, db=cloud.db)


def _identity(stage: Stage) -> str:
    return stage.holders[_MOVING][1].removeprefix(RESERVATION)


def _cloud(db: MemoryDynamoDB, seconds: int) -> Cloud:
    cloud = Cloud(_SEED, CALM_PROFILE, still=True, db=db)
    cloud.clock.advance(seconds)
    return cloud


@as_planted
def _sent() -> tuple[Sent, ...]:
    """The writes of a move without rivals, built by the product with the planted bug."""
    stage, sent = _begun(), []
    cloud = _cloud(stage.db, stage.seconds)

    def note(operation: str, parameters: dict[str, Any]) -> None:
        if operation in WRITES and parameters.get("TableName") != SERVERS:
            sent.append((operation, parameters))

    services = cloud.environment().services
    record = services.reservations.get(ORGANIZATION, _identity(stage))
    assert record is not None
    cloud.db.before("*", note, times=None)
    move(services, record, "a host is unfit")
    return tuple(sent[: LIST + 1])


def _after(landed: int) -> Stage:
    """The stage after so many of the move's writes."""
    stage = _begun()
    cloud = _cloud(stage.db, stage.seconds)
    for operation, parameters in _sent()[:landed]:
        getattr(cloud.db, operation)(**parameters)
    return replace(stage, db=cloud.db)


@cache
def named() -> Stage:
    """The run is named; its booking may still land."""
    return _after(BOOK)


@cache
def booked() -> Stage:
    """The run is booked; the write that lists it may still land."""
    return _after(LIST)


@cache
def listed() -> Stage:
    """The move is settled, and the old run is leaving."""
    return _after(LIST + 1)


def _late(which: int) -> Start:
    def land(scene: Scene, _number: int) -> None:
        operation, parameters = _sent()[which]
        with suppress(ClientError):
            scene.cloud.invoke(
                "late",
                Work("provision_reservation"),
                lambda e: getattr(e.edges.dynamodb, operation)(**parameters),
            )

    return land


def _move_on(scene: Scene, _number: int) -> None:
    _step(scene, provision_reservation)


def _end(scene: Scene, _number: int) -> None:
    """Its customer deletes it, and its teardown runs to the end."""
    Reservations().end(scene.who, scene.holders[_MOVING])
    _step(scene, release_reservation)
    scene.cloud.clock.advance(DELETE_SECONDS + 1)
    _step(scene, release_reservation)


def _step(scene: Scene, step: Callable[..., Any]) -> None:
    identity = scene.holders[_MOVING][1].removeprefix(RESERVATION)
    scene.cloud.invoke("task", Work(step.__name__), lambda e: step(e.services, ORGANIZATION, identity))


OPERATIONS: Final[dict[str, Start]] = {
    "move on": _move_on,
    "move on at first": Beginning(_move_on),
    "end it": _end,
    "late booking": _late(BOOK),
    "late list": _late(LIST),
}

PAIRS: Final[tuple[tuple[tuple[str, str], Callable[[], Stage]], ...]] = (
    (("move on at first", "late booking"), named),
    (("move on at first", "late list"), booked),
    (("move on at first", "move on at first"), booked),
    (("move on", "late list"), booked),
    (("end it", "late booking"), named),
    (("end it", "late list"), booked),
    (("end it", "move on"), listed),
    (("claim", "late booking"), named),
    (("sync", "late booking"), named),
)
