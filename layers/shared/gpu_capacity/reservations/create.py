"""Reserve contiguous units: decide purely, commit conditionally.

    snapshot → place → record → own → settle; on a lost race: see what the database showed, widen, place again

The snapshot may be old; the write that owns the run re-validates every domain of it and the topology version
that it was decided on. A refusal for lack of capacity is only given after a strongly consistent read.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, InsufficientCapacity, InvalidRequest, NotFound
from gpu_capacity.holders.ids import new_life
from gpu_capacity.holders.repeats import remembered
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.reservations.claiming import Claimed, check_quota, claim_run
from gpu_capacity.reservations.observation import observe
from gpu_capacity.reservations.planning import plan_run
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX, Reservation, Status
from gpu_capacity.reservations.repeats import answer_repeat, find_earlier_try, made_meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasLimits, HasRepeats, HasWorkflows
    from gpu_capacity.inventory.model import Offering, Region
    from gpu_capacity.reservations.claiming import Needs as ClaimingNeeds
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.request import ReservationRequest

    class Needs(ClaimingNeeds, HasLimits, HasRepeats, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def create_reservation(
    services: Needs,
    caller: Caller,
    request: ReservationRequest,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Observed:
    """Reserve, record and start provisioning.

    A repeat answers with the reservation that the first request made, as it is by now: one under the same
    idempotency key, or, where a time is set for that, an equal one of the same caller without a key. With
    ``dry_run`` everything is checked and placed and nothing is written.

    Raises:
        Forbidden: the token does not allow creating in that organization and project; ``QuotaExceeded``.
        NotFound: the region is not there for this caller.
        InvalidRequest: the region does not offer that accelerator and unit; more units than can be one claim.
        Conflict: the idempotency key stands for another request, or for a reservation that is gone.
        InsufficientCapacity: no run is long enough.
        RaceLost, StorageUnavailable: nothing is wrong with the request; send it again.
    """
    caller.require(Permission.CREATE_RESERVATIONS)
    if not caller.owns(request.organization_id, request.project_id):
        raise Forbidden("permission denied: the credential is not of this organization and project")
    if request.count > UNITS_PER_RESERVATION_MAX:
        raise InvalidRequest("spec.count", f"one claim has at most {UNITS_PER_RESERVATION_MAX} units")
    # Looked up first, so that a repeat gets its answer even when the region is full by now.
    first = find_earlier_try(services, caller, request, idempotency_key)
    if isinstance(first.earlier, Reservation) and first.earlier.is_shown:
        return answer_repeat(services, first.earlier, dry_run=dry_run)
    region, offering = _offering(services, caller, request)
    draft = _draft(services, caller, request, offering, first.identity, keyed=idempotency_key is not None)
    if dry_run:
        check_quota(services, draft, services.quotas.read(draft.organization_id, draft.accelerator))
        with _offered_now(services, caller, request):
            plan = plan_run(services, draft, 0, fresh=True)
        return observe(plan.applied_to(draft), plan.pod, region.observed_at)
    with _offered_now(services, caller, request):
        claimed = claim_run(services, draft, first.earlier, remembered(services, first.recent, draft.id))
    if not isinstance(claimed, Claimed):
        _audit(services, caller, draft, "already accepted")
        return made_meanwhile(services, claimed, request.fingerprint())
    services.telemetry.count("ReservationsAccepted")
    _audit(services, caller, draft, "accepted")
    start_workflow(services, claimed.reservation)
    return observe(claimed.reservation, claimed.pod, region.observed_at)


def _draft(
    services: Needs,
    caller: Caller,
    request: ReservationRequest,
    offering: Offering,
    identity: str,
    *,
    keyed: bool,
) -> Reservation:
    """The reservation as it would be, without a run."""
    now = services.clock.now()
    return Reservation(
        id=identity,
        organization_id=request.organization_id,
        project_id=request.project_id,
        name=request.name,
        description=request.description,
        tags=request.tags,
        region_id=offering.region_id,
        accelerator=offering.accelerator,
        unit=offering.unit,
        count=request.count,
        flavor_id=offering.flavor.id,
        hosts_per_unit=offering.hosts_per_unit,
        placement=None,
        topology_hash=None,
        status=Status.PENDING,
        created_at=now,
        created_by=caller.name,
        fingerprint=request.fingerprint(),
        keyed=keyed,
        counted=False,
        unsettled_since=now,
        life=new_life(services.ids.random_bytes()),
    )


def _audit(services: Needs, caller: Caller, draft: Reservation, outcome: str) -> None:
    services.telemetry.audit(
        caller.subject,
        "create_reservation",
        draft.id,
        outcome,
        organization=draft.organization_id,
        region=draft.region_id,
        units=draft.count,
    )


def _offering(services: Needs, caller: Caller, request: ReservationRequest) -> tuple[Region, Offering]:
    """What is asked for, as the region offers it; a "no" is decided on a fresh read."""
    # Known or not: whether a region is hidden or does not exist, the same is read before the answer.
    region = services.inventory.known_region(request.region_id)
    offering = region.offering(request.accelerator, request.unit) if region else None
    if offering is None:
        region = services.inventory.fresh_region(request.region_id)
    return _offered(caller, request, region)


def _offered(caller: Caller, request: ReservationRequest, region: Region | None) -> tuple[Region, Offering]:
    visible = region is not None and (caller.is_operator or region.is_visible_to(caller.organizations))
    if region is None or region.withdrawn or not visible:
        raise NotFound("the region does not exist")
    offering = region.offering(request.accelerator, request.unit)
    if offering is None:
        raise _not_offered(region, request)
    return region, offering


@contextmanager
def _offered_now(services: Needs, caller: Caller, request: ReservationRequest) -> Iterator[None]:
    """Before capacity is refused, whether the region still offers it: what is known of that may be old."""
    try:
        yield
    except InsufficientCapacity:
        _offered(caller, request, services.inventory.fresh_region(request.region_id))
        raise


def _not_offered(region: Region, request: ReservationRequest) -> InvalidRequest:
    """Which of the two words the region does not offer, and what it does."""
    accelerators = {offering.accelerator for offering in region.offered}
    units = {
        offering.unit
        for offering in region.offered
        if offering.accelerator == request.accelerator or request.accelerator not in accelerators
    }
    problems = [
        (field, f"not offered in the region, which has {', '.join(sorted(offered)) or 'nothing'}")
        for field, wanted, offered in (
            ("spec.accelerator", request.accelerator, accelerators),
            ("spec.unit", request.unit, units),
        )
        if wanted not in offered
    ]
    return InvalidRequest.of(problems)
