"""Tables on which every kind of operation has something to do, prepared once and copied for each run.

One pod of five racks: one is broken, and its good host is claimed; one belongs to a deprovisioning
reservation without servers; one is claimed host by host; one belongs to another reservation; one is free,
and a claim waits that was not woken for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.holders.tentative import TENTATIVE_SECONDS_MAX
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from proof.cloud import Cloud
from proof.fleet import LONDON, Fleet
from proof.profiles import Profile
from testkit.items import CLAIM, RESERVATION
from testkit.world import INSTANCE_TYPE, ORGANIZATION, caller, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from testkit.dynamodb import MemoryDynamoDB
    from testkit.items import RecordKey

POD: Final = "lon1"
CALM_PROFILE: Final = Profile(
    shape={LONDON: {POD: 5}},
    nodes={},
    share=0.0,
    stickiness=0.0,
    clients=0,
    operations=0,
    focus=0.0,
    thinking_ms=(0,),
    chaos_ms=0,
    every_ms=(1, 1, 1),
    vms_every_ms=(1, 1, 1),
    changes=1,
    ready_seconds=0,
    grace_seconds=60,
    notice_seconds=8,
    start_seconds_max=120,
    limits=False,
    skewed=0.0,
    patient=0.0,
)
_SEED: Final = 10_001
"""The seed of the stage; actors use other seeds, so that their random values differ."""
LIMIT_UNITS, LIMIT_INSTANCES = 4, 9


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Prepared tables, the time that passed, holders by their parts here, and the next documents."""

    db: MemoryDynamoDB
    seconds: int
    holders: dict[str, RecordKey]
    documents: tuple[bytes, ...]


@cache
def prepared() -> Stage:
    """The stage that the module describes."""
    cloud = Cloud(_SEED, CALM_PROFILE, still=True)
    began = cloud.clock.now()
    fleet = Fleet(CALM_PROFILE.shape)
    fleet.racks(POD)[4]["hosts"][0]["state"] = "unhealthy"
    cloud.synchronize(fleet.publish())
    cloud.limit(ORGANIZATION, "GB300", LIMIT_UNITS)
    cloud.limit(ORGANIZATION, "instances", LIMIT_INSTANCES)
    holders: dict[str, RecordKey] = {}
    environment = cloud.environment()
    services = environment.services
    holders["leaving"] = _reserve(services)
    cloud.clock.advance(1)
    holders["held"] = _claim(services, 3, "held")
    cloud.clock.advance(1)
    holders["stays"] = _reserve(services)
    between = _reserve(services)
    cloud.clock.advance(1)
    holders["waits"] = _claim(services, 2, "waits")
    free = _position(services, between)
    for leaving in (holders["leaving"], between):
        delete_reservation(services, caller(), leaving[1].removeprefix(RESERVATION), frozenset())
    release_reservation(services, ORGANIZATION, between[1].removeprefix(RESERVATION))
    placed = {name: _position(services, holders[name]) for name in ("leaving", "stays")}
    return Stage(
        cloud.db,
        cloud.clock.now() - began,
        holders,
        _documents(fleet, (placed["leaving"], free, placed["stays"])),
    )


@cache
def almost_used_up() -> Stage:
    """The same, with a limit that leaves room for one more rack."""
    stage = prepared()
    cloud = Cloud(_SEED + 1, CALM_PROFILE, still=True, db=stage.db)
    cloud.clock.advance(stage.seconds)
    cloud.limit(ORGANIZATION, "GB300", LIMIT_UNITS - 1)
    return replace(stage, db=cloud.db)


@cache
def full() -> Stage:
    """The same with the free rack booked, so long ago that the booking is no longer tentative."""
    stage = prepared()
    cloud = Cloud(_SEED + 2, CALM_PROFILE, still=True, db=stage.db)
    cloud.clock.advance(stage.seconds)
    _reserve(cloud.environment().services)
    return replace(stage, db=cloud.db, seconds=stage.seconds + TENTATIVE_SECONDS_MAX + 1)


def _documents(fleet: Fleet, broken: tuple[int, ...]) -> tuple[bytes, ...]:
    """Documents that break or repair hardware of other operations; ``broken`` has the rack of each."""
    racks = fleet.racks(POD)
    documents = []
    for change, position in enumerate(broken):
        for rack in racks[:4]:
            rack["hosts"][1]["state"] = "unhealthy" if rack["position"] == position else "in_service"
        racks[broken[-1]]["cordoned"] = change == 1
        racks[4]["hosts"][0]["state"] = "in_service"
        documents.append(fleet.publish())
    return tuple(documents)


def _reserve(services: Services) -> RecordKey:
    reservation = create_reservation(services, caller(), request(1, region_id=LONDON)).reservation
    return f"ORG#{ORGANIZATION}", RESERVATION + reservation.id


def _position(services: Services, holder: RecordKey) -> int:
    """The position of a reservation's rack."""
    found = services.reservations.get(ORGANIZATION, holder[1].removeprefix(RESERVATION))
    assert found is not None
    return found.positions[0]


def _claim(services: Services, count: int, name: str) -> RecordKey:
    claim = create_capacity_claim(services, caller(), wish(count), name=name)
    return f"ORG#{ORGANIZATION}", CLAIM + claim.id


def wish(count: int) -> Resources:
    """Instances of the one zone."""
    return Resources(INSTANCE_TYPE, count, (LONDON,), "CAPACITY_TYPE_CUSTOMER")
