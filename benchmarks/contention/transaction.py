"""The earlier design, for comparison: the run and its record in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.tombstones import IS_FREE, free_at
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import RaceLost
from gpu_capacity.holders.ids import holder_id, new_life
from gpu_capacity.holders.store import RECORD
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.reservations.claiming import ATTEMPTS_MAX
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.planning import plan_run
from gpu_capacity.reservations.runs import POD, own_write
from testkit.reservations import reservation

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.reservations.planning import Plan
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.request import ReservationRequest
    from gpu_capacity.runtime.services import Services


def reserve_in_one_transaction(
    services: Services, database: Database, request: ReservationRequest
) -> Reservation:
    """Plan and commit until the transaction succeeds, with the product's chooser, conditions and pauses.

    After a conflict with another transaction it sends the same again; after a refusal it plans again.

    Raises:
        InsufficientCapacity: no run is long enough.
        RaceLost: rivals won every attempt.
    """
    draft = _draft(services, request)
    plan = plan_run(services, draft, 0, fresh=False)
    for attempt in range(ATTEMPTS_MAX):
        made = plan.applied_to(draft)
        match _accept(services, database, made, plan):
            case Committed():
                place = (draft.region_id, draft.flavor_id, plan.placement.pod_id)
                services.inventory.note_booking(place, _booking(made, plan), plan.basis.version)
                return made
            case Refused(items):
                item = items[POD]
                assert item is not None
                services.inventory.note_owners(draft.region_id, draft.flavor_id, item)
        services.pause(attempt)
        plan = plan_run(services, draft, attempt + 1, fresh=True)
    raise RaceLost("other requests won every attempt")


def _accept(services: Services, database: Database, made: Reservation, plan: Plan) -> Committed | Refused:
    place = (made.region_id, made.flavor_id, plan.placement.pod_id)
    table = services.inventory.table
    claim = own_write(table, place, _booking(made, plan), plan.basis)
    item, values = encode_reservation(made), free_at(made.created_at)
    record = Put(RECORD, services.reservations.table, item, IS_FREE, {}, values)
    attempt = 0
    while isinstance(outcome := database.commit(claim, record), Busy):
        services.pause(attempt)
        attempt += 1
    return outcome


def _booking(made: Reservation, plan: Plan) -> Booking:
    return Booking(plan.tag, plan.placement.start, plan.placement.count, made.created_at)


def _draft(services: Services, request: ReservationRequest) -> Reservation:
    now = services.clock.now()
    return reservation(
        id=holder_id(services.ids.random_bytes()),
        organization_id=request.organization_id,
        project_id=request.project_id,
        region_id=request.region_id,
        count=request.count,
        hosts_per_unit=1,
        runs=(),
        topology_hash=None,
        created_at=now,
        fingerprint=request.fingerprint(),
        unsettled_since=now,
        life=new_life(services.ids.random_bytes()),
        revision=1,
    )
