"""Reserve contiguous units: decide purely, commit conditionally.

    snapshot → place → one transaction → on a lost race: see what the database showed, widen, place again

The snapshot may be old; the transaction re-validates every domain of the placement and the topology version
it was decided on. A refusal for lack of capacity is only given after a strongly consistent read.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.reservation_store import (
    Accepted,
    AlreadyThere,
    DomainsTaken,
    QuotaMoved,
)
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.dynamodb.unseen import Tries
from gpu_capacity.errors import (
    Conflict,
    Forbidden,
    InsufficientCapacity,
    InvalidRequest,
    NotFound,
    RaceLost,
    StorageUnavailable,
)
from gpu_capacity.holders.ids import claim_tag, holder_id, keyed_holder_id, seed_of
from gpu_capacity.holders.reservation import UNITS_PER_RESERVATION_MAX, Reservation, Status, Tag
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from gpu_capacity.services.observation import observe, observe_all
from gpu_capacity.services.quotas import check, confirm_reservation
from gpu_capacity.services.workflows import start_workflow
from gpu_capacity.topology.units import hardware_digest, identity_of, topology_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.access import Caller
    from gpu_capacity.dynamodb.inventory_store import InventoryStore
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.placement.snapshot import Basis, Snapshot
    from gpu_capacity.services.context import Services
    from gpu_capacity.services.observation import Observed
    from gpu_capacity.topology.model import Offering, Pod, Region

ATTEMPTS_MAX: Final = 16
"""Lost races before giving up. Each loss means that a rival won, and widens the choice over all runs of the
region; sixteen losses in a row need more rivals at that instant than the API's throttle lets in."""

PLAN_READS_MAX: Final = 4
"""Readings of snapshot and topology for one plan; a sync writes a pod once in minutes."""


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What the customer asks for, validated in form."""

    organization_id: str
    project_id: str
    region_id: str
    accelerator: str
    unit: str
    count: int
    name: str
    description: str | None = None
    tags: tuple[Tag, ...] = ()

    def fingerprint(self) -> str:
        """Equal for equal requests: tells a retry from another request under the same idempotency key."""
        parts = [
            self.organization_id,
            self.project_id,
            self.region_id,
            self.accelerator,
            self.unit,
            self.count,
            self.name,
            # None was written as the empty text before the two were told apart: retries must still match.
            {None: "", "": None}.get(self.description, self.description),
            [[tag.name, tag.value] for tag in self.tags],
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]


def create_reservation(
    services: Services,
    caller: Caller,
    request: ReservationRequest,
    *,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Observed:
    """Reserve, record and start provisioning.

    With ``dry_run`` everything is checked and placed and nothing is written.

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
    if idempotency_key is None:
        identity = holder_id(services.ids.random_bytes())
    else:
        identity = keyed_holder_id(request.organization_id, caller.subject, idempotency_key)
        # Looked up first, so that a retry gets its answer even when the region is full by now.
        if found := services.reservations.find(request.organization_id, identity):
            return _answer_again(services, found, request)
    region, offering = _offering(services, caller, request)
    draft = Reservation(
        id=identity,
        organization_id=request.organization_id,
        project_id=request.project_id,
        name=request.name,
        description=request.description,
        tags=request.tags,
        region_id=region.id,
        accelerator=offering.accelerator,
        unit=offering.unit,
        count=request.count,
        flavor_id=offering.flavor.id,
        hosts_per_unit=offering.hosts_per_unit,
        placement=None,
        topology_hash=None,
        status=Status.PENDING,
        created_at=services.clock.now(),
        created_by=caller.name,
        fingerprint=request.fingerprint(),
        keyed=idempotency_key is not None,
        counted=False,
    )
    draft = replace(draft, unsettled_since=draft.created_at)
    quota = services.quotas.read(draft.organization_id, draft.accelerator)
    if dry_run:
        check(quota, draft.count)
        with _offered_now(services, caller, request):
            planned, pod, _ = _plan(services, draft, 0, fresh=True)
        return observe(planned, pod, region.observed_at)
    with _offered_now(services, caller, request), Tries() as tries:
        outcome = _accept(services, draft, quota, tries)
        if isinstance(outcome, AlreadyThere):
            _audit(services, caller, draft, "already accepted")
            return _answer_again(services, outcome.found, request)
    reservation, pod = outcome
    confirm_reservation(services, reservation)
    services.telemetry.count("ReservationsAccepted")
    _audit(services, caller, draft, "accepted")
    start_workflow(services, reservation)
    return observe(reservation, pod, region.observed_at)


def _audit(services: Services, caller: Caller, draft: Reservation, outcome: str) -> None:
    services.telemetry.audit(
        caller.subject,
        "create_reservation",
        draft.id,
        outcome,
        organization=draft.organization_id,
        region=draft.region_id,
        units=draft.count,
    )


def _offering(services: Services, caller: Caller, request: ReservationRequest) -> tuple[Region, Offering]:
    """What is asked for, as the region offers it; a "no" is decided on a fresh read."""
    # Known or not: whether a region is hidden or does not exist, the same is read before the answer.
    region = services.inventory.known_region(request.region_id)
    if region is None or region.offering(request.accelerator, request.unit) is None:
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
def _offered_now(services: Services, caller: Caller, request: ReservationRequest) -> Iterator[None]:
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


def _accept(
    services: Services, draft: Reservation, quota: Quota | None, tries: Tries
) -> tuple[Reservation, Pod] | AlreadyThere:
    """Plan and commit until the transaction stands, within bounds."""
    fresh = False
    failure: StorageUnavailable | None = None
    unseen: tuple[Reservation, Pod] | None = None
    for attempt in range(ATTEMPTS_MAX):
        check(quota, draft.count)
        planned, pod, basis = _plan(services, draft, attempt, fresh=fresh)
        planned = replace(planned, counted=quota is not None)
        placement = planned.placement
        assert placement is not None  # noqa: S101 - _plan places or raises
        fresh = False
        try:
            outcome = services.reservations.accept(planned, basis.version, quota, basis.stamps)
        except StorageUnavailable as error:
            # It may stand all the same, and what it took may have been the last there was: so the record
            # is looked for before anything is decided again.
            failure = error
            tries.note(error)
            services.pause(attempt)
            unseen = (planned, pod) if error.outcome_unknown else unseen
            if unseen is not None and (found := _look_for(services, draft)):
                return _already(found, unseen)
            continue
        match outcome:
            case Accepted():
                services.inventory.claimed(
                    draft.region_id, draft.flavor_id, placement, claim_tag(draft.id), basis.version
                )
                return planned, pod
            case AlreadyThere():
                return _already(outcome.found, unseen)
            case QuotaMoved():
                quota = services.quotas.read(draft.organization_id, draft.accelerator)
            case DomainsTaken():
                failure = None
                services.telemetry.count("ClaimRacesLost")
                if outcome.claims is None:
                    services.inventory.forget_snapshot(draft.region_id, draft.flavor_id)
                else:
                    services.inventory.saw_claims(draft.region_id, draft.flavor_id, outcome.claims)
                services.pause(attempt)
                # Where one rival was there are others: the refused write tells of one pod only, and a read
                # of all of them costs less than the next lost race.
                fresh = True
    if failure is not None:
        raise failure
    raise RaceLost("other requests won every attempt")


def _look_for(services: Services, draft: Reservation) -> Reservation | Tombstone | None:
    """What a write made that may stand or not. Nothing is kept that it might have changed."""
    services.inventory.forget_snapshot(draft.region_id, draft.flavor_id)
    return services.reservations.find(draft.organization_id, draft.id)


def _already(
    found: Reservation | Tombstone, unseen: tuple[Reservation, Pod] | None
) -> tuple[Reservation, Pod] | AlreadyThere:
    """What a record under the id of a new reservation means.

    After a try that went ``unseen`` a tombstone of the same request is what became of it: it stood, and was
    ended before it could be acknowledged.
    """
    if unseen is not None and found == Tombstone(unseen[0].fingerprint):
        return unseen
    return AlreadyThere(found)


def _plan(
    services: Services, draft: Reservation, attempt: int, *, fresh: bool
) -> tuple[Reservation, Pod, Basis]:
    """Place the draft: the reservation as it would be, its pod, and what that was decided on."""
    inventory, region_id, flavor_id = services.inventory, draft.region_id, draft.flavor_id
    for _ in range(PLAN_READS_MAX):
        request = Request(draft.count, seed_of(draft.id), attempt)
        snapshot, decision = decide(inventory, region_id, flavor_id, request, fresh=fresh)
        if isinstance(decision, Unplaceable):
            services.telemetry.count("ReservationsRefused")
            raise InsufficientCapacity(decision)
        basis = snapshot.basis_of(decision)
        pod = inventory.pod_at(region_id, decision.pod_id, basis.version)
        if pod is not None:
            return _placed(draft, decision, pod), pod, basis
        # A sync wrote between the two reads: look again.
        fresh = True
    raise StorageUnavailable("the topology changed while it was read", outcome_unknown=False)


def decide(
    inventory: InventoryStore, region_id: str, flavor_id: str, request: Request, *, fresh: bool
) -> tuple[Snapshot, Placement | Unplaceable]:
    """Place on what is kept, or with ``fresh`` on what is read now; nothing is refused on what was kept."""
    if not fresh:
        snapshot, fresh = inventory.snapshot(region_id, flavor_id)
        decision = place(snapshot.line, request)
        if fresh or isinstance(decision, Placement):
            return snapshot, decision
    snapshot = inventory.fresh_snapshot(region_id, flavor_id)
    return snapshot, place(snapshot.line, request)


def _placed(draft: Reservation, placement: Placement, pod: Pod) -> Reservation:
    offering = (draft.region_id, draft.accelerator, draft.unit)
    domains = pod.between(placement.start, placement.count)
    return replace(
        draft,
        placement=placement,
        topology_hash=topology_hash(offering, pod.id, domains),
        hardware=hardware_digest(map(identity_of, domains)),
    )


def _answer_again(
    services: Services, found: Reservation | Tombstone, request: ReservationRequest
) -> Observed:
    """The answer to a repeated request: the reservation that the first one made."""
    if found.fingerprint != request.fingerprint():
        raise Conflict("the idempotency key was used with another request")
    if isinstance(found, Tombstone):
        raise Conflict("the reservation made under this idempotency key was deleted")
    confirm_reservation(services, found)
    if found.status is Status.PENDING:
        # The first try may have died between its commit and its start; the name makes this harmless.
        start_workflow(services, found)
    return observe_all(services, [found])[0]
