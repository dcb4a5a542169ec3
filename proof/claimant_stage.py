"""Stages on which the claimant of a reservation has crashed, and its last write may still land.

A retry, reconcile and rivals act there, and the claimant's last write, which got no answer, lands late in
between. Its earlier writes were answered, or it would not have sent the next one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gpu_capacity.holders.ids import keyed_holder_id
from gpu_capacity.reservations.create import create_reservation
from proof.cloud import Cloud
from proof.faults import Work
from proof.fleet import LONDON
from proof.planting import as_planted
from proof.reservations import Reservations
from proof.scene import Beginning
from proof.stage import CALM_PROFILE, prepared
from proof.tenants import SUBJECTS
from proof.wire import WRITES
from testkit.items import RESERVATION
from testkit.world import ORGANIZATION, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.scene import Scene, Start
    from proof.stage import Stage
    from testkit.dynamodb import MemoryDynamoDB

    Sent = tuple[str, dict[str, Any]]

KEY: Final = "key-dead"
WANTED: Final = request(1, region_id=LONDON)
PUT, OWN, SETTLE = range(3)
"""The writes of a claimant, in order."""

_DEAD: Final = (ORGANIZATION, SUBJECTS[0], KEY)
"""Organization, subject and idempotency key of the claimant."""

_SEED: Final = 20_001
_SECONDS: Final = 200
"""After this time others may take over from a claimant."""


@as_planted
def _sent() -> tuple[Sent, ...]:
    """The writes of a claimant without rivals, on the stage of all operations.

    Late writes are built by the product with the planted bug; the stages are made by the product without it.
    """
    stage, sent = prepared(), []
    cloud = _cloud(stage.db, stage.seconds)

    def note(operation: str, parameters: dict[str, Any]) -> None:
        if operation in WRITES:
            sent.append((operation, parameters))

    cloud.db.before("*", note, times=None)
    # The subject that retries: the key of another subject would be another key.
    who = caller(subject=SUBJECTS[0])
    create_reservation(cloud.environment().services, who, WANTED, idempotency_key=KEY)
    return tuple(sent[: SETTLE + 1])


def _cloud(db: MemoryDynamoDB, seconds: int) -> Cloud:
    cloud = Cloud(_SEED, CALM_PROFILE, still=True, db=db)
    cloud.clock.advance(seconds)
    return cloud


def _after(landed: int, *, removed: bool = False) -> Stage:
    """The stage after so many of the claimant's writes, with or without its record removed since."""
    stage = prepared()
    cloud = _cloud(stage.db, stage.seconds)
    for operation, parameters in _sent()[:landed]:
        getattr(cloud.db, operation)(**parameters)
    cloud.clock.advance(_SECONDS)
    if removed:
        cloud.reconcile()
    return replace(stage, db=cloud.db, seconds=stage.seconds + _SECONDS)


@cache
def unrecorded() -> Stage:
    """The write of the claimant's record may still land."""
    return _after(PUT)


@cache
def recorded() -> Stage:
    """The record is written; the booking of its run may still land."""
    return _after(OWN)


@cache
def booked() -> Stage:
    """The run is booked; the write that settles the record may still land."""
    return _after(SETTLE)


@cache
def removed() -> Stage:
    """The record was written, and reconcile removed it."""
    return _after(OWN, removed=True)


@cache
def given_back() -> Stage:
    """The run was booked, and reconcile released it and removed the record."""
    return _after(SETTLE, removed=True)


def _late(which: int) -> Start:
    def land(scene: Scene, _number: int) -> None:
        operation, parameters = _sent()[which]
        with suppress(ClientError):
            scene.cloud.invoke(
                "late",
                Work("create_reservation"),
                lambda e: getattr(e.edges.dynamodb, operation)(**parameters),
            )

    return land


def _retry(scene: Scene, _number: int) -> None:
    scene.office.remember(_DEAD, (f"ORG#{ORGANIZATION}", RESERVATION + keyed_holder_id(*_DEAD)))
    Reservations().create(scene.who, WANTED, KEY)


def _reconcile(scene: Scene, _number: int) -> None:
    scene.cloud.reconcile()


OPERATIONS: Final[dict[str, Start]] = {
    "retry": _retry,
    "retry begins": Beginning(_retry),
    "try anew": _retry,
    "reconcile": _reconcile,
    "late record": _late(PUT),
    "late own": _late(OWN),
    "late settle": _late(SETTLE),
}

PAIRS: Final[tuple[tuple[tuple[str, str], Callable[[], Stage]], ...]] = (
    (("retry", "late record"), unrecorded),
    (("retry", "retry"), recorded),
    (("retry", "reconcile"), recorded),
    (("reconcile", "reconcile"), recorded),
    (("retry begins", "retry begins"), recorded),
    (("retry begins", "reconcile"), booked),
    (("retry begins", "late own"), recorded),
    (("retry begins", "late settle"), booked),
    (("retry", "late own"), recorded),
    (("reconcile", "late record"), recorded),
    (("reconcile", "late own"), recorded),
    (("claim", "late own"), recorded),
    (("fill", "late own"), recorded),
    (("sync", "late own"), recorded),
    (("retry", "late settle"), booked),
    (("reconcile", "late settle"), booked),
    (("try anew", "late own"), removed),
    (("try anew", "late settle"), given_back),
)
TRIPLES: Final[tuple[tuple[tuple[str, str, str], Callable[[], Stage]], ...]] = (
    (("retry", "reconcile", "late own"), recorded),
    (("retry begins", "reconcile", "late settle"), booked),
    (("retry", "claim", "late own"), recorded),
    (("reconcile", "claim", "late own"), recorded),
    (("reconcile", "fill", "late own"), recorded),
    (("retry", "reconcile", "late settle"), booked),
    (("reconcile", "claim", "late settle"), booked),
)
