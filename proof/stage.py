"""Tables on which every kind of operation has something to do at once, prepared once and copied for each run.

One pod of five racks: one is broken and its good host claimed; one is a reservation's on its way out, whose
servers are gone; one is claimed host by host; one is another reservation's; one is free, and a claim waits
that nobody has told of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from gpu_capacity.services.capacity_claims import create_capacity_claim
from gpu_capacity.services.claim_resources import Resources
from gpu_capacity.services.create_reservation import create_reservation
from gpu_capacity.services.delete_reservation import delete_reservation
from gpu_capacity.services.deprovisioning import complete_deprovisioning
from proof.cloud import Cloud
from proof.fleet import LONDON, Fleet
from proof.items import CLAIM, RESERVATION
from proof.temper import Temper
from proof.turns import Crew
from testkit.world import INSTANCE_TYPE, ORGANIZATION, caller, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from proof.items import RecordKey
    from testkit.dynamodb import MemoryDynamoDB

POD: Final = "lon1"
CALM_TEMPER: Final = Temper(
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
"""What is random here must not be so again for those who act on it."""
LIMIT_UNITS, LIMIT_INSTANCES = 4, 9


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Prepared tables, the time that passed, holders by what they are here, and the next documents."""

    db: MemoryDynamoDB
    seconds: int
    holders: dict[str, RecordKey]
    documents: tuple[bytes, ...]


@cache
def prepared() -> Stage:
    """The stage as the module tells."""
    cloud = Cloud(_SEED, Crew(), CALM_TEMPER, still=True)
    began = cloud.clock.now()
    fleet = Fleet(CALM_TEMPER.shape)
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
    for leaving in (holders["leaving"], between):
        delete_reservation(services, caller(), leaving[1].removeprefix(RESERVATION), frozenset())
    complete_deprovisioning(services, ORGANIZATION, between[1].removeprefix(RESERVATION))
    return Stage(cloud.db, cloud.clock.now() - began, holders, _documents(fleet))


def _documents(fleet: Fleet) -> tuple[bytes, ...]:
    """Each breaks or repairs something that others have or want."""
    racks = fleet.racks(POD)
    documents = []
    for change in range(3):
        for rack in racks[:4]:
            rack["hosts"][1]["state"] = "unhealthy" if rack["position"] == change else "in_service"
        racks[3]["cordoned"] = change == 1
        racks[4]["hosts"][0]["state"] = "in_service"
        documents.append(fleet.publish())
    return tuple(documents)


def _reserve(services: Services) -> RecordKey:
    reservation = create_reservation(services, caller(), request(1, region_id=LONDON)).reservation
    return f"ORG#{ORGANIZATION}", RESERVATION + reservation.id


def _claim(services: Services, count: int, name: str) -> RecordKey:
    claim = create_capacity_claim(services, caller(), wish(count), name=name)
    return f"ORG#{ORGANIZATION}", CLAIM + claim.id


def wish(count: int) -> Resources:
    """Instances of the one zone."""
    return Resources(INSTANCE_TYPE, count, (LONDON,), "CAPACITY_TYPE_CUSTOMER")
