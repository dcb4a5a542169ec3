"""Record a capacity claim, and fill it as far as its zones go now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.proceed import ATTEMPTS_MAX, audit, proceed
from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus, conditions_of
from gpu_capacity.capacity_claims.repeats import asked_of, by_name, first_of, made_before
from gpu_capacity.capacity_claims.resources import catalogued
from gpu_capacity.capacity_claims.settle import planned
from gpu_capacity.capacity_claims.store import NAME
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import RaceLost
from gpu_capacity.holders.ids import holder_id, new_life
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.holders.quotas import check, confirm
from gpu_capacity.holders.store import RECORD

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.proceed import Needs
    from gpu_capacity.capacity_claims.resources import Resources
    from gpu_capacity.dynamodb.database import Refused


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
        if name is not None and (taken := services.claims.named(organization_id, name)):
            return by_name(services, taken, asked)
        check(services.quotas.read(organization_id, INSTANCES), claim.instance_count)
        return planned(services, claim)
    existing = _record(services, claim)
    if isinstance(existing, CapacityClaim) and existing.id != identity:
        return _gone_on(services, by_name(services, existing, asked))
    if existing is not None:
        return _gone_on(services, made_before(identity, existing, asked))
    audit(services, caller, "create_capacity_claim", claim)
    services.telemetry.count("CapacityClaimsCreated")
    return proceed(services, claim)


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


def _gone_on(services: Needs, found: CapacityClaim) -> CapacityClaim:
    """A claim that is there, with the round done that its first request may have left undone."""
    confirm(services.quotas, services.claims, found)
    if found.pending and found.status is not ClaimStatus.DELETING:
        return proceed(services, found)
    return found
