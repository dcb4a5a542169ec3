"""Create a reservation: decide purely, commit conditionally.

    snapshot → place → record → own → settle; after a lost race: update the snapshot, widen, place again

The snapshot may be old. The write that owns the run demands that every domain of it, and the topology
version, are as in the snapshot. A refusal for lack of capacity always follows a strongly consistent read.
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
    from gpu_capacity.holders.roles import HasAnnouncements, HasLimits, HasRepeats, HasWorkflows
    from gpu_capacity.inventory.model import Offering, Region
    from gpu_capacity.reservations.claiming import Needs as ClaimingNeeds
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.request import ReservationRequest

    class Needs(ClaimingNeeds, HasAnnouncements, HasLimits, HasRepeats, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def create_reservation(
    services: Needs,
    caller: Caller,
    request: ReservationRequest,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Observed:
    """Record a reservation, take ownership of a run for it, and start provisioning.

    A repeat returns the reservation that the first request made, in its current state. A repeat has the same
    idempotency key; without a key it is an equal request of the same caller within ``limits.repeat_seconds``.

    Args:
        services: collaborators.
        caller: who sends the request.
        request: what to reserve.
        idempotency_key: as sent by the client.
        dry_run: check and place everything, write nothing, and return the reservation as it would be created.

    Raises:
        Forbidden: the token may not create reservations, or not in that organization and project.
        QuotaExceeded: the organization would exceed its limit.
        NotFound: the region does not exist for this caller.
        InvalidRequest: the region does not offer that accelerator and unit, or the count or the number of
            spare hosts is too large.
        Conflict: another request used this idempotency key, or the reservation made under it was deleted.
        InsufficientCapacity: no run is long enough.
        RaceLost, StorageUnavailable: nothing is wrong with the request; a retry may succeed.
    """
    caller.require(Permission.CREATE_RESERVATIONS)
    if not caller.owns(request.organization_id, request.project_id):
        raise Forbidden("permission denied: the credential is not of this organization and project")
    if request.count > UNITS_PER_RESERVATION_MAX:
        raise InvalidRequest("spec.count", f"one claim has at most {UNITS_PER_RESERVATION_MAX} units")
    # Before the placement: a repeat gets its response even if the region is full by now.
    first = find_earlier_try(services, caller, request, idempotency_key)
    if isinstance(first.earlier, Reservation) and first.earlier.is_shown:
        return answer_repeat(services, first.earlier, dry_run=dry_run)
    region, offering = _offering(services, caller, request)
    draft = _draft(services, caller, request, offering, first.identity, keyed=idempotency_key is not None)
    if dry_run:
        check_quota(services, draft, services.quotas.read(draft.organization_id, draft.accelerator))
        with _offered_now(services, caller, request):
            plan = plan_run(services, draft, 0, fresh=True)
        return observe(plan.applied_to(draft), plan.pod, region)
    with _offered_now(services, caller, request):
        claimed = claim_run(services, draft, first.earlier, remembered(services, first.recent, draft.id))
    if not isinstance(claimed, Claimed):
        _audit(services, caller, draft, "already accepted")
        return made_meanwhile(services, claimed, request.fingerprint())
    services.telemetry.count("ReservationsAccepted")
    _audit(services, caller, draft, "accepted")
    start_workflow(services, claimed.reservation)
    return observe(claimed.reservation, claimed.pod, region)


def _draft(
    services: Needs,
    caller: Caller,
    request: ReservationRequest,
    offering: Offering,
    identity: str,
    *,
    keyed: bool,
) -> Reservation:
    """The reservation as it is to be, without a run."""
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
        spare_hosts_per_unit=request.spare_hosts_per_unit,
        runs=(),
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
    """The region and the offering that the request asks for. Refuses only after a fresh read.

    Raises:
        NotFound: the region does not exist for this caller.
        InvalidRequest: the region does not have this offering.
    """
    # An absent region and a hidden one cost the same reads, so that the time of the response does not reveal
    # which it is.
    region = services.inventory.known_region(request.region_id)
    offering = region.offering(request.accelerator, request.unit) if region else None
    if offering is None:
        region = services.inventory.fresh_region(request.region_id)
    return _offered(caller, request, region)


def _offered(caller: Caller, request: ReservationRequest, region: Region | None) -> tuple[Region, Offering]:
    """The offering of a region as read.

    Raises:
        NotFound: the region does not exist for this caller.
        InvalidRequest: the region does not have this offering, or a unit of it would have spare hosts only.
    """
    visible = region is not None and (caller.is_operator or region.is_visible_to(caller.organizations))
    if region is None or region.withdrawn or not visible:
        raise NotFound("the region does not exist")
    offering = region.offering(request.accelerator, request.unit)
    if offering is None:
        raise _not_offered(region, request)
    if request.spare_hosts_per_unit >= offering.hosts_per_unit:
        problem = f"a unit has {offering.hosts_per_unit} hosts, and at least one is not spare"
        raise InvalidRequest("spec.spareHostsPerUnit", problem)
    return region, offering


@contextmanager
def _offered_now(services: Needs, caller: Caller, request: ReservationRequest) -> Iterator[None]:
    """Before ``InsufficientCapacity`` is raised, check whether the region still has the offering.

    The region that the request was checked with may be an old copy.

    Raises:
        NotFound: the region does not exist for this caller any more.
        InvalidRequest: the region does not have this offering any more.
    """
    try:
        yield
    except InsufficientCapacity:
        _offered(caller, request, services.inventory.fresh_region(request.region_id))
        raise


def _not_offered(region: Region, request: ReservationRequest) -> InvalidRequest:
    """The refusal that names what the region does not offer, accelerator or unit, and what it does offer."""
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
