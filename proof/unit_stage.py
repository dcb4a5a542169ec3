"""A stage with a reservation of several racks, of which customers release some.

The pod has five racks. The reservation ``wide`` has three of them and is provisioned; the others are free. On
the second stage it has released one, the provider holds none of its hosts any more, and its booking is next.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.provisioning import provision_reservation
from gpu_capacity.reservations.release_units import UnitRelease, release_units
from gpu_capacity.reservations.releasing import release_leaving
from proof.cloud import DELETE_SECONDS, Cloud
from proof.faults import Work
from proof.fleet import LONDON, Fleet
from proof.reservations import NOWHERE, Reservations
from proof.scene import Beginning
from proof.stage import CALM_PROFILE, LIMIT_UNITS, POD, Stage
from testkit.items import RESERVATION
from testkit.world import ORGANIZATION, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.scene import Scene, Start

_SEED: Final = 40_001
_UNITS: Final = 3


@cache
def provisioned() -> Stage:
    """The reservation is provisioned."""
    cloud = Cloud(_SEED, CALM_PROFILE, still=True)
    began = cloud.clock.now()
    fleet = Fleet(CALM_PROFILE.shape)
    cloud.synchronize(fleet.publish())
    cloud.limit(ORGANIZATION, "GB300", LIMIT_UNITS)
    services = cloud.environment().services
    made = create_reservation(services, caller(), request(_UNITS, region_id=LONDON)).reservation
    assert provision_reservation(services, ORGANIZATION, made.id) == Step.DONE.outcome
    documents = []
    for state in ("unhealthy", "in_service"):
        fleet.racks(POD)[made.positions[0]]["hosts"][0]["state"] = state
        documents.append(fleet.publish())
    holder = (f"ORG#{ORGANIZATION}", RESERVATION + made.id)
    return Stage(cloud.db, cloud.clock.now() - began, {"wide": holder}, tuple(documents))


@cache
def leaving() -> Stage:
    """It has released a rack, and the provider has let go."""
    stage = provisioned()
    cloud = Cloud(_SEED + 1, CALM_PROFILE, still=True, db=stage.db)
    cloud.clock.advance(stage.seconds)
    services, identity = cloud.environment().services, stage.holders["wide"][1].removeprefix(RESERVATION)
    found = services.reservations.get(ORGANIZATION, identity)
    assert found is not None
    wanted = UnitRelease(found.topology_hash or "", (found.unit_id(found.positions[1]),))
    release_units(services, caller(), identity, NOWHERE, lambda: wanted)
    assert release_leaving(services, ORGANIZATION, identity) is Step.WAITING
    seconds = stage.seconds + DELETE_SECONDS + 1
    return replace(stage, db=cloud.db, seconds=seconds)


def _release(scene: Scene, number: int) -> None:
    """A customer releases a rack."""
    Reservations().release(scene.who, scene.holders["wide"], (number,))


def _delete(scene: Scene, _number: int) -> None:
    """A customer deletes the reservation."""
    Reservations().end(scene.who, scene.holders["wide"])


def _free(scene: Scene, _number: int) -> None:
    """The workflow of the release frees the rack."""
    identity = scene.holders["wide"][1].removeprefix(RESERVATION)
    scene.cloud.invoke(
        "task", Work("release_leaving"), lambda e: release_leaving(e.services, ORGANIZATION, identity)
    )


OPERATIONS: Final[dict[str, Start]] = {
    "release units": _release,
    "delete wide": _delete,
    "free units": _free,
    "free early": Beginning(_free),
}
PAIRS: Final[tuple[tuple[tuple[str, ...], Callable[[], Stage]], ...]] = (
    (("release units", "release units"), provisioned),
    (("release units", "delete wide"), provisioned),
    (("release units", "claim"), provisioned),
    (("release units", "sync"), provisioned),
    (("release units", "free units"), leaving),
    (("free units", "free units"), leaving),
    (("free units", "delete wide"), leaving),
    (("free units", "claim"), leaving),
)
