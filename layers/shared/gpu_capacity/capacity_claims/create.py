"""Create a capacity claim, and allocate what its zones have free at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.proceed import ATTEMPTS_MAX, audit, proceed
from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus, conditions_of
from gpu_capacity.capacity_claims.repeats import by_name, first_of, made_before, request_identity
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
    """Record a claim and allocate what its zones have free at once; the rest stays pending.

    A repeat returns the claim that the first request made, in its current state. A repeat has the same id or
    the same idempotency key; without either, it comes from the same caller with the same name and resources
    within ``REPEAT_MS_MAX``. An id already identifies the request, so a key beside it is ignored.

    Args:
        services: collaborators.
        caller: who sends the request.
        resources: what to claim.
        claim_id: the client's own id, a UUID in canonical form; None to have one made.
        name: unique in the organization; None to have one made.
        idempotency_key: as sent by the client.
        dry_run: check and place everything, write nothing, and return the claim as its first round would
            make it.

    Raises:
        Forbidden: the token may not write claims.
        InvalidRequest: a zone is unknown, or does not have the instance type.
        AlreadyExists: another request used this id, or the name is taken.
        KeyReused: another request used this idempotency key.
        QuotaExceeded: the organization would exceed its limit on instances.
        RaceLost: rivals won ``ATTEMPTS_MAX`` times in a row.
    """
    caller.require(Permission.WRITE_CAPACITY_CLAIMS)
    organization_id = caller.acting_organization()
    asked = request_identity(caller, organization_id, resources, claim_id, name, idempotency_key)
    # Before the quota: a repeat gets its response even if the first request used up the quota.
    if (first := first_of(services, organization_id, asked)) is not None:
        return first if dry_run else _resumed(services, first)
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
        return _resumed(services, by_name(services, existing, asked))
    if existing is not None:
        return _resumed(services, made_before(identity, existing, asked))
    audit(services, caller, "create_capacity_claim", claim)
    services.telemetry.count("CapacityClaimsCreated")
    return proceed(services, claim)


def _record(services: Needs, claim: CapacityClaim) -> CapacityClaim | Tombstone | None:
    """Write a new claim.

    Returns:
        None when it is written, else the record or tombstone that has its id or its name.

    Raises:
        QuotaExceeded: the organization would exceed its limit on instances.
        RaceLost: rivals won ``ATTEMPTS_MAX`` times in a row.
    """
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
                found = _existing(services, claim, refused)
                over = found if isinstance(found, Tombstone) and not found.finished else None
                if found is not None and over is None:
                    return found
                # The id is free again, or has an unfinished tombstone, which the next attempt may replace.
                services.pause(attempt)
                continue
            quota = services.quotas.read(claim.organization_id, INSTANCES)
        raise RaceLost("the quota changed every time")


def _existing(services: Needs, claim: CapacityClaim, refused: Refused) -> CapacityClaim | Tombstone | None:
    """What already has the id of a new claim, or its name; None if that is gone by now."""
    if RECORD in refused.items:
        return services.claims.find(claim.organization_id, claim.id)
    return services.claims.named(claim.organization_id, claim.name)


def _resumed(services: Needs, found: CapacityClaim) -> CapacityClaim:
    """An existing claim, after the steps that its first request may have missed: quota and first round."""
    confirm(services.quotas, services.claims, found)
    if found.pending and found.status is not ClaimStatus.DELETING:
        return proceed(services, found)
    return found
