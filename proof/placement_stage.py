"""A reservation on which every kind of operation of placements has something to do, copied for each run.

It has two racks of two hosts. A placement has one host, and its server has the first image; three hosts are
free. In ``updating`` the placement has another image since, which its server has not; in ``accepted`` it has
just been accepted. The module has the operations of clients and tasks there, for ``interleavings``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.read import get_placement
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.placements.update import update_placement
from gpu_capacity.reservations.create import create_reservation
from proof.cloud import DELETE_SECONDS, Cloud
from proof.faults import Work
from proof.fleet import LONDON, Fleet
from proof.placements import IMAGES, Placements, wish
from proof.reservations import NOWHERE, Reservations
from proof.scene import Beginning
from proof.stage import CALM_PROFILE, Stage
from testkit.items import PLACEMENT, RESERVATION
from testkit.placements import rolling, spec_of
from testkit.state_machine import Execution
from testkit.workflow.definitions import definition, run_step
from testkit.world import ORGANIZATION, caller, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from proof.scene import Scene, Start
    from testkit.items import RecordKey

_SEED: Final = 10_011
UNITS: Final = 2


@cache
def accepted() -> Stage:
    """The reservation with the placement, whose workflow has not begun."""
    cloud = Cloud(_SEED, CALM_PROFILE, still=True)
    began = cloud.clock.now()
    cloud.synchronize(Fleet(CALM_PROFILE.shape).publish())
    services = cloud.environment().services
    made = create_reservation(services, caller(), request(UNITS, region_id=LONDON)).reservation
    home = (f"ORG#{ORGANIZATION}", RESERVATION + made.id)
    _runs(cloud, services, "provision", {"reservation": made.id})
    placed = create_placement(services, caller(), wish(home, 1, strategy=rolling())).placement
    holders = {"home": home, "first": (home[0], PLACEMENT + placed.id)}
    return Stage(cloud.db, cloud.clock.now() - began, holders, ())


@cache
def running() -> Stage:
    """The stage that the module describes."""
    stage = accepted()
    cloud, services = _on(stage, 1)
    began = cloud.clock.now()
    _runs(cloud, services, "settle_placement", {"placement": _id(stage.holders["first"])})
    return Stage(cloud.db, stage.seconds + cloud.clock.now() - began, stage.holders, ())


@cache
def updating() -> Stage:
    """The same, once the customer has put another image on the placement."""
    stage = running()
    cloud, services = _on(stage, 2)
    identity = _id(stage.holders["first"])
    placed = get_placement(services, caller(), identity, NOWHERE).placement
    spec = spec_of(placed, image_id=IMAGES[1])
    update_placement(services, caller(), identity, spec, NOWHERE)
    return Stage(cloud.db, stage.seconds, stage.holders, ())


def _on(stage: Stage, number: int) -> tuple[Cloud, Services]:
    cloud = Cloud(_SEED + number, CALM_PROFILE, still=True, db=stage.db)
    cloud.clock.advance(stage.seconds)
    return cloud, cloud.environment().services


def _runs(cloud: Cloud, services: Services, machine: str, names: dict[str, Any]) -> None:
    """Run a workflow to its end."""
    payload = {"organization": ORGANIZATION, **names}
    execution = Execution(
        definition(machine),
        payload,
        lambda function, task: run_step(function, services, task),
        cloud.clock,
        cloud.clock.advance,
    )
    execution.run()


def place(scene: Scene, number: int) -> None:
    """A customer places two servers; there is room for one such placement."""
    Placements().create(scene.who, wish(scene.holders["home"], 2), f"key-{number}")


def end_home(scene: Scene, _number: int) -> None:
    """A customer deletes the reservation."""
    Reservations().end(scene.who, scene.holders["home"])


def release_unit(scene: Scene, _number: int) -> None:
    """A customer releases the rack of the reservation in which the placement has no host."""
    home, first = (scene.holders[name] for name in ("home", "first"))
    taken = {domain[2] for domain in scene.ledger.placements.placed[first].hosts}
    positions = sorted(domain[2] for domain in scene.ledger.records[home].holds)
    numbers = tuple(n for n, position in enumerate(positions) if position not in taken)
    Reservations().release(scene.who, home, numbers)


def remove(scene: Scene, _number: int) -> None:
    """A customer deletes the placement."""
    Placements().end(scene.who, scene.holders["first"])


def update(scene: Scene, number: int) -> None:
    """A customer puts an image on the placement; each another one."""
    Placements().update(scene.who, scene.holders["first"], image_id=IMAGES[number + 1])


def settle(scene: Scene, _number: int) -> None:
    """A round of the workflow of the placement."""
    identity = _id(scene.holders["first"])
    scene.cloud.invoke(
        "task",
        Work("settle_placement"),
        lambda e: settle_placement(e.services, ORGANIZATION, identity),
    )


def take_away(scene: Scene, number: int) -> None:
    """A customer deletes the placement, and its workflow runs to the end."""
    remove(scene, number)
    settle(scene, number)
    scene.cloud.clock.advance(DELETE_SECONDS + 1)
    settle(scene, number)


def _id(holder: RecordKey) -> str:
    return holder[1].removeprefix(PLACEMENT)


OPERATIONS: Final[dict[str, Start]] = {
    "place": place,
    "end home": end_home,
    "release unit": release_unit,
    "remove": remove,
    "update": update,
    "settle": settle,
    "deploy": Beginning(settle),
    "take away": Beginning(take_away),
}
PAIRS: Final = (
    (("place", "place"), running),
    (("place", "end home"), running),
    (("place", "release unit"), running),
    (("place", "remove"), running),
    (("update", "update"), running),
    (("update", "remove"), running),
    (("settle", "update"), updating),
    (("settle", "remove"), updating),
    (("settle", "settle"), updating),
    (("take away", "deploy"), accepted),
)
