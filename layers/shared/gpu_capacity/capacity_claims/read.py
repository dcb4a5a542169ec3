"""Read capacity claims, and list what may be claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.capacity_claims.resources import sees
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.notices import notices
from gpu_capacity.holders.windows import EVERYTHING, Window, entries_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.proceed import Needs
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.notices import Notice


def get_capacity_claim(services: Needs, caller: Caller, claim_id: str) -> CapacityClaim:
    """One claim.

    Raises:
        Forbidden: the token may not read claims.
        NotFound: no such claim in the caller's organizations.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    return visible_claim(services, caller, claim_id)


def list_capacity_claims(
    services: Needs, caller: Caller, updated_after: float | None, window: Window = EVERYTHING
) -> list[CapacityClaim]:
    """The claims of the caller's organizations, in the order of their ids.

    Args:
        services: collaborators.
        caller: who sends the request.
        updated_after: seconds since the epoch; only claims updated strictly later. None for all.
        window: which part of the list.

    Raises:
        Forbidden: the token may not read claims.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    after_us = None if updated_after is None else round(updated_after * 1_000_000)
    return entries_in(
        window,
        caller.organizations_to_search(frozenset()),
        services.claims.of_organization,
        lambda claim: after_us is None or claim.updated_us > after_us,
    )


def notices_of(services: NoticesNeeds, claims: Sequence[CapacityClaim]) -> list[tuple[Notice, ...]]:
    """For each claim, the maintenances that are about hosts that it owns."""
    return notices(
        services, [[(a.zone, a.pod_id, a.position, a.hosts) for a in claim.allocations] for claim in claims]
    )


def instance_types_by_zone(services: Needs, caller: Caller) -> dict[str, list[str]]:
    """The instance types of each zone that the caller may see; at most ``ANSWER_SECONDS_MAX`` old.

    Raises:
        Forbidden: the token may not read claims.
    """
    caller.require(Permission.READ_CAPACITY_CLAIMS)
    return {
        region.id: list(region.sold_as_instances)
        for region in services.inventory.cached_answer("regions", services.inventory.regions)
        if sees(caller, region)
    }


def visible_claim(services: Needs, caller: Caller, claim_id: str) -> CapacityClaim:
    """A claim of the caller's organizations.

    Raises:
        NotFound: they have no such claim.
    """
    claim = services.claims.get_in(caller.organizations_to_search(frozenset()), claim_id)
    if claim is None:
        raise NotFound(
            "the capacity claim does not exist in an organization of the access token",
            resource_name=claim_id,
        )
    return claim
