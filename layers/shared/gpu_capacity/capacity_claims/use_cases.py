"""Create, read, change and delete capacity claims; the rounds that follow are in ``settle_claim``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.record import (
    CapacityClaim,
    ClaimStatus,
    conditions_of,
    settled_status,
)
from gpu_capacity.capacity_claims.repeats import asked_of, by_name, first_of, made_before
from gpu_capacity.capacity_claims.resources import catalogued, check_unchanged, sees
from gpu_capacity.capacity_claims.settle import Step, planned, settle_capacity_claim, wake_next
from gpu_capacity.capacity_claims.store import NAME
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import (
    FailedPrecondition,
    NotFound,
    RaceLost,
    StorageUnavailable,
)
from gpu_capacity.holders.ids import holder_id, new_life
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.holders.quotas import check, confirm, count_in
from gpu_capacity.holders.store import RECORD
from gpu_capacity.holders.windows import EVERYTHING, Window, entries_in
from gpu_capacity.holders.workflows import start_workflow

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.resources import Resources
    from gpu_capacity.capacity_claims.settle import Needs as SettleClaimNeeds
    from gpu_capacity.holders.roles import HasQuotas, HasWorkflows

    class Needs(SettleClaimNeeds, HasQuotas, HasWorkflows, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 16


def create_capacity_claim(
    services: Needs,
    caller: Caller,
    resources: Resources,
    *,
    claim_id: str | None = None,
    name: str | None = None,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> CapacityClaim:
    """Record a claim and fill it as far as its zones go now.

    A repeat answers with the claim that the first request made, as it is by now: one under the same client's
    id or idempotency key, or, where clients send none, one of the same caller, name and resources within
    ``REPEAT_MS_MAX``. An id makes a request its own already, so a key beside it says nothing.

    With ``dry_run`` everything is checked and placed and nothing is written: the claim is as its first round
    would make it.

    Raises:
        Forbidden: the token may not write claims.
        InvalidRequest: an unknown zone, or an instance type that a zone does not have.
        AlreadyExists: the id stands for another request, or the name is taken; ``KeyReused``.
        QuotaExceeded: the organization's limit on instances.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    organization_id = caller.acting_organization()
    asked = asked_of(caller, organization_id, resources, claim_id, name, idempotency_key)
    # Looked up first, so that a repeat gets its answer even when the quota is used up by the first.
    if (first := first_of(services, organization_id, asked)) is not None:
        return first if dry_run else _gone_on(services, first)
    catalogue = catalogued(services, caller, resources)
    now, microsecond = divmod(services.clock.now_us(), 1_000_000)
    identity = asked.identity or holder_id(services.ids.random_bytes())
    claim = CapacityClaim(
        id=identity,
        organization_id=organization_id,
        name=name or f"claim-{identity}",
        instance_id=catalogue.instance_id,
        instance_count=resources.instance_count,
        zones=catalogue.zones,
        capacity_type=resources.capacity_type,
        status=ClaimStatus.CREATING,
        created_at=now,
        created_by=caller.name,
        updated_at=now,
        fingerprint=asked.fingerprint,
        supplied=asked.identity is not None,
        counted=False,
        created_millisecond=microsecond // 1000,
        updated_microsecond=microsecond,
        revision=1,
        life=new_life(services.ids.random_bytes()),
    )
    claim = claim.spelled(resources.instance_id, resources.zones)
    claim = replace(claim, conditions=conditions_of(claim, {}, now))
    if dry_run:
        check(services.quotas.read(organization_id, INSTANCES), claim.instance_count)
        return planned(services, claim)
    existing = _record(services, claim)
    if isinstance(existing, CapacityClaim) and existing.id != identity:
        return _gone_on(services, by_name(services, existing, asked))
    if existing is not None:
        return _gone_on(services, made_before(identity, existing, asked))
    _audit(services, caller, "create_capacity_claim", claim)
    services.telemetry.count("CapacityClaimsCreated")
    return _proceed(services, claim)


def get_capacity_claim(services: Needs, caller: Caller, claim_id: str) -> CapacityClaim:
    """One claim.

    Raises:
        Forbidden: the token may not read claims.
        NotFound: absent, or not for this caller.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    return _visible(services, caller, claim_id)


def list_capacity_claims(
    services: Needs, caller: Caller, updated_after: float | None, window: Window = EVERYTHING
) -> list[CapacityClaim]:
    """The claims of the caller's organizations in id order, those updated strictly after a time if given."""
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    after_us = None if updated_after is None else round(updated_after * 1_000_000)
    return entries_in(
        window,
        caller.organizations_to_search(frozenset()),
        services.claims.of_organization,
        lambda claim: after_us is None or claim.updated_us > after_us,
    )


def instance_types_by_zone(services: Needs, caller: Caller) -> dict[str, list[str]]:
    """The instance types of each zone that the caller may see, as of at most ``SHOWN_SECONDS_MAX`` ago."""
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    return {
        region.id: list(region.sold_as_instances)
        for region in services.inventory.shown("regions", services.inventory.regions)
        if sees(caller, region)
    }


def update_capacity_claim(
    services: Needs, caller: Caller, claim_id: str, resources: Resources, name: str | None = None
) -> CapacityClaim:
    """Change the count and the zones of a claim.

    Growing adds pending instances. Shrinking gives pending ones back first, then owned ones from the least
    preferred zone; instances in a zone that is no longer listed are given back and pend again.

    Raises:
        Forbidden, NotFound: as for reading.
        InvalidRequest: another name, instance type or capacity type, or an unknown zone.
        FailedPrecondition: the claim is being deleted.
        QuotaExceeded: the organization's limit on instances.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    for _ in range(ATTEMPTS_MAX):
        claim = _visible(services, caller, claim_id)
        if claim.status is ClaimStatus.DELETING:
            raise FailedPrecondition("STATUS_DELETING", claim.id, "the capacity claim is being deleted")
        check_unchanged(claim, resources, name)
        after = _resized(services, caller, claim, resources)
        if after == claim:
            # A repeat goes on where the first try may have died.
            return _proceed(services, claim) if claim.pending or claim.surplus else claim
        quota = services.quotas.read(claim.organization_id, INSTANCES)
        if quota is not None and not claim.counted:
            count_in(services.quotas, services.claims, claim)
            continue
        more = after.instance_count - claim.instance_count
        if more > 0:
            check(quota, more)
        if not isinstance(services.claims.update(claim, after, (), quota), Refused):
            _audit(services, caller, "update_capacity_claim", after)
            return _proceed(services, after, left=claim.waits_in - after.waits_in)
        services.pause(0)
    raise RaceLost("other requests changed the claim every time")


def delete_capacity_claim(services: Needs, caller: Caller, claim_id: str) -> CapacityClaim:
    """Begin to drain a claim; repeated while that goes on, it changes and starts nothing.

    Raises:
        Forbidden, NotFound: as for reading.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    for _ in range(ATTEMPTS_MAX):
        claim = _visible(services, caller, claim_id)
        if claim.status is ClaimStatus.DELETING:
            return claim
        now = services.clock.now()
        after = replace(claim, status=ClaimStatus.DELETING, unsettled_since=now, attempt=claim.attempt + 1)
        after = replace(after, conditions=conditions_of(after, {}, now)).updated(services.clock.now_us())
        if not isinstance(services.claims.update(claim, after), Refused):
            _audit(services, caller, "delete_capacity_claim", after)
            start_workflow(services, after)
            return after
        services.pause(0)
    raise RaceLost("other requests changed the claim every time")


def _record(services: Needs, claim: CapacityClaim) -> CapacityClaim | Tombstone | None:
    """Write a new claim; what stands under its id or its name instead, if something does."""
    quota = services.quotas.read(claim.organization_id, INSTANCES)
    over = None
    with services.claims.creating(claim, claim.created_at) as tries:
        for attempt in range(ATTEMPTS_MAX):
            check(quota, claim.instance_count)
            counted = replace(claim, counted=quota is not None)
            refused = services.claims.add(counted, quota, tries, over)
            if refused is None:
                if quota is None:
                    confirm(services.quotas, services.claims, claim)
                return None
            if RECORD in refused.items or NAME in refused.items:
                found = _standing(services, claim, refused)
                over = found if isinstance(found, Tombstone) and not found.finished else None
                if found is not None and over is None:
                    return found
                # What was there is gone without a trace since.
                services.pause(attempt)
                continue
            quota = services.quotas.read(claim.organization_id, INSTANCES)
        raise RaceLost("the quota changed every time")


def _standing(services: Needs, claim: CapacityClaim, refused: Refused) -> CapacityClaim | Tombstone | None:
    """What has the id of a new claim, or its name."""
    if RECORD in refused.items:
        return services.claims.find(claim.organization_id, claim.id)
    return services.claims.named(claim.organization_id, claim.name)


def _proceed(services: Needs, claim: CapacityClaim, left: frozenset[str] = frozenset()) -> CapacityClaim:
    """Do the first round at once, so that the answer tells what there is; leave the rest to the workflow.

    The record stands already, so nothing that goes wrong here fails the request. ``left`` names the zones
    in whose queues the claim does not stand any more.
    """
    try:
        wake_next(services, claim.instance_id, left)
        step = settle_capacity_claim(services, claim.organization_id, claim.id)
        found = services.claims.get(claim.organization_id, claim.id)
    except StorageUnavailable as error:
        services.telemetry.warning("round not finished", claim=claim.id, reason=str(error))
        step, found = Step.AGAIN, None
    if step is Step.AGAIN:
        start_workflow(services, claim)
    return found or claim


def _resized(services: Needs, caller: Caller, claim: CapacityClaim, resources: Resources) -> CapacityClaim:
    now = services.clock.now()
    zones = catalogued(services, caller, resources, claim).zones
    after = replace(claim, instance_count=resources.instance_count, zones=zones)
    after = after.spelled(resources.instance_id, resources.zones)
    if after == claim:
        return claim
    after = replace(
        after,
        status=settled_status(after),
        unsettled_since=now if after.surplus else None,
        # A name of an execution is used once, and this change may need one.
        attempt=claim.attempt + 1,
    )
    return replace(after, conditions=conditions_of(after, {}, now)).updated(services.clock.now_us())


def _visible(services: Needs, caller: Caller, claim_id: str) -> CapacityClaim:
    claim = services.claims.get_in(caller.organizations_to_search(frozenset()), claim_id)
    if claim is None:
        raise NotFound(
            "the capacity claim does not exist in an organization of the access token",
            resource_name=claim_id,
        )
    return claim


def _gone_on(services: Needs, found: CapacityClaim) -> CapacityClaim:
    """A claim that is there, with the round done that its first request may have left undone."""
    confirm(services.quotas, services.claims, found)
    if found.pending and found.status is not ClaimStatus.DELETING:
        return _proceed(services, found)
    return found


def _audit(services: Needs, caller: Caller, action: str, claim: CapacityClaim) -> None:
    services.telemetry.audit(
        caller.subject,
        action,
        claim.id,
        "accepted",
        organization=claim.organization_id,
        instances=claim.instance_count,
    )
