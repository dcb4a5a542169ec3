"""Create a placement: choose hosts of a reservation, and take them in the transaction that records it.

The hosts that placements have are part of the reservation's record. So the transaction writes two records:
the placement, if its id is new, and the reservation, if it is as it was read. Whoever else changes the
reservation (another placement, a release of units, a delete) makes it refuse, and the choice is made again on
the record that the refusal returned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import NotFound, RaceLost
from gpu_capacity.holders.ids import new_life
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.holders.quota_store import QUOTA, count
from gpu_capacity.holders.quotas import allowed, check, confirm
from gpu_capacity.holders.repeat_store import REPEAT
from gpu_capacity.holders.repeats import remembered
from gpu_capacity.holders.store import RECORD
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.placements.choice import hosts_for
from gpu_capacity.placements.names import check_names
from gpu_capacity.placements.observation import ObservedPlacement, observe
from gpu_capacity.placements.progress import counts_of
from gpu_capacity.placements.record import MANUAL, Placement, PlacementStatus
from gpu_capacity.placements.repeats import find_earlier_try, made_before, resumed, still_there

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.repeats import EarlierTry
    from gpu_capacity.holders.roles import HasBackground, HasPause
    from gpu_capacity.placements.choice import Needs as ChoiceNeeds
    from gpu_capacity.placements.names import Needs as NameNeeds
    from gpu_capacity.placements.repeats import Needs as RepeatNeeds
    from gpu_capacity.placements.request import PlacementRequest
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(ChoiceNeeds, NameNeeds, RepeatNeeds, HasBackground, HasPause, HasReservations, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16
"""Attempts to take hosts of a reservation that changes every time. In each lost attempt a rival won."""

RESERVATION: Final = "reservation"
"""The label of the write of the reservation."""


def create_placement(
    services: Needs,
    caller: Caller,
    request: PlacementRequest,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> ObservedPlacement:
    """Take hosts of a reservation for a new placement, and start the workflow that puts servers on them.

    A repeat returns the placement that the first request made, in its current state. A repeat has the same
    idempotency key; without a key it is an equal request of the same caller within ``limits.repeat_seconds``.

    Args:
        services: collaborators.
        caller: who sends the request.
        request: what to place.
        idempotency_key: as sent by the client.
        dry_run: check and choose everything, write nothing, and return the placement as it would be created.

    Raises:
        Forbidden: the token may not create placements.
        QuotaExceeded: the organization would exceed its limit on servers of placements.
        NotFound: the reservation, or something else that the request names, does not exist for this caller.
        Conflict: another request used this idempotency key, or the placement made under it was deleted.
        StateConflict: the reservation is not provisioned.
        HostsUnavailable: the reservation has too few free hosts.
        Unprocessable: no choice of hosts meets the constraints, or names do not go together.
        TryAgain: nothing is wrong with the request; a retry may succeed.
    """
    caller.require(Permission.CREATE_PLACEMENTS)
    reservation = visible_holder(services.reservations, caller, request.reservation_id, own=True)
    fingerprint = request.fingerprint()
    first = find_earlier_try(
        services, reservation.organization_id, caller.subject, fingerprint, idempotency_key
    )
    # Before the choice: a repeat gets its response even if the reservation is full by now.
    if isinstance(first.earlier, Placement):
        return observe(services, first.earlier if dry_run else resumed(services, first.earlier))
    draft = _draft(services, caller, request, reservation, first.identity)
    draft = replace(draft, fingerprint=fingerprint, keyed=idempotency_key is not None)
    check_names(
        services,
        reservation,
        request.spec.image_id,
        network_id=request.network_id,
        security_groups=(request.spec.networking and request.spec.networking.security_groups) or (),
        ssh_certificate_authority_id=request.spec.ssh_certificate_authority_id,
    )
    if dry_run:
        allowed(services.quotas, draft.organization_id, draft.uncounted)
        draft = replace(draft, hosts=hosts_for(services, reservation, request.spec, draft.id))
        return ObservedPlacement(draft, counts_of(draft, ()))
    placement = _record(services, draft, request, reservation, first)
    if placement.life != draft.life:
        _audit(services, caller, placement, "already accepted")
        return observe(services, resumed(services, placement))
    services.telemetry.count("PlacementsAccepted")
    _audit(services, caller, placement, "accepted")
    start_workflow(services, placement)
    return ObservedPlacement(placement, counts_of(placement, ()))


def _draft(
    services: Needs, caller: Caller, request: PlacementRequest, reservation: Reservation, identity: str
) -> Placement:
    """The placement as it is to be, without hosts."""
    now, spec = services.clock.now(), request.spec
    return Placement(
        id=identity,
        organization_id=reservation.organization_id,
        project_id=reservation.project_id,
        name=request.name,
        description=request.description,
        tags=request.tags,
        reservation_id=reservation.id,
        reservation_life=reservation.life,
        region_id=reservation.region_id,
        flavor_id=reservation.flavor_id,
        pod_id=reservation.pod_id or "",
        network_id=request.network_id,
        count=spec.count,
        hosts=(),
        constraints=spec.constraints,
        readiness=spec.readiness,
        image_id=spec.image_id,
        networking=spec.networking,
        ssh_certificate_authority_id=spec.ssh_certificate_authority_id,
        user_data=spec.user_data,
        strategy=spec.strategy or MANUAL,
        status=PlacementStatus.PENDING,
        created_at=now,
        created_by=caller.name,
        fingerprint="",
        life=new_life(services.ids.random_bytes()),
        revision=1,
        unsettled_since=now,
    )


def _record(
    services: Needs,
    draft: Placement,
    request: PlacementRequest,
    reservation: Reservation,
    first: EarlierTry[Placement],
) -> Placement:
    """Write a new placement, and its hosts into its reservation.

    Uses the cached quota first: a write that counts demands the limit as cached. That there is none has to be
    read now, as the write takes hosts at once; hosts are chosen meanwhile. A refusal always follows a fresh
    read.

    Returns:
        The placement as written; or the one that another try of the same request has made meanwhile.
    """
    subject = (draft.organization_id, PLACEMENT_SERVERS)
    read_quota = services.background(
        lambda: services.quotas.cached(*subject) or services.quotas.read(*subject)
    )
    hosts = hosts_for(services, reservation, request.spec, draft.id)
    quota = read_quota()
    over = first.earlier if isinstance(first.earlier, Tombstone) else None
    recent = first.recent
    with services.placements.creating(draft, draft.created_at) as tries:
        for attempt in range(ATTEMPTS_MAX):
            if quota is not None and not quota.allows(draft.count):
                quota = services.quotas.read(*subject)
                check(quota, draft.count)
            placement = replace(draft, hosts=hosts, counted=quota is not None)
            taken = reservation.with_placement(draft.id, hosts)
            refused = services.placements.create(
                placement,
                draft.created_at,
                services.reservations.change_beside(reservation, taken, RESERVATION),
                *([count(services.placements.table, quota, draft.count)] if quota else []),
                *remembered(services, recent, draft.id),
                over=over,
                tries=tries,
            )
            if refused is None:
                confirm(services.quotas, services.placements, placement)
                return placement
            if RECORD in refused.items:
                item = refused.items[RECORD]
                found = made_before(services.placements.read(item) if item else None, draft.fingerprint)
                if isinstance(found, Placement):
                    return found
                over = found
            if recent is not None and REPEAT in refused.items:
                recent = services.repeats.look(recent.organization_id, recent.digest)
                if (made := still_there(services, recent)) is not None:
                    return made
            if RESERVATION in refused.items:
                reservation = _as_refused(services, reservation, refused.items[RESERVATION])
            if QUOTA in refused.items:
                quota = services.quotas.read(*subject)
            services.pause(attempt)
            hosts = hosts_for(services, reservation, request.spec, draft.id)
        raise RaceLost("other requests changed the reservation every time")


def _as_refused(services: Needs, before: Reservation, item: dict[str, Any] | None) -> Reservation:
    """The reservation as a refusal returned it.

    Raises:
        NotFound: it is gone.
    """
    found = None if item is None else services.reservations.read(item)
    if found is None or isinstance(found, Tombstone) or found.life != before.life:
        raise NotFound("the reservation does not exist")
    return found


def _audit(services: Needs, caller: Caller, placement: Placement, outcome: str) -> None:
    services.telemetry.audit(
        caller.subject,
        "create_placement",
        placement.id,
        outcome,
        organization=placement.organization_id,
        reservation=placement.reservation_id,
        servers=placement.count,
    )
