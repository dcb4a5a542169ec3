"""Builds the replies of the capacity claims API (all 200), and reads the parameters of its requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gpu_capacity.capacity_claims.api.models import (
    ClaimUpdate,
    claim_entry,
    claim_view,
    parameters_view,
    quotas_view,
)
from gpu_capacity.capacity_claims.read import notices_of
from gpu_capacity.errors import InvalidRequest, NotFound
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import Page, cut, page_of
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.times import parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.capacity_claims.resources import Resources
    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.http.call import Call


def one_claim(claim: CapacityClaim) -> Reply:
    """200 with a claim, as a request has left it."""
    return Reply(HTTPStatus.OK, claim_view(claim), NO_CACHE)


def shown_claim(call: Call[NoticesNeeds], claim: CapacityClaim) -> Reply:
    """200 with a claim and the maintenances that are about its hosts."""
    return Reply(HTTPStatus.OK, claim_view(claim, notices_of(call.services, [claim])[0]), NO_CACHE)


def many_claims(call: Call[NoticesNeeds], page: Page, claims: Sequence[CapacityClaim]) -> Reply:
    """200 with a page of claims; a ``Link`` header leads to the next page, if there is one."""
    noticed = dict(zip((c.id for c in claims), notices_of(call.services, claims), strict=True))
    views, link = cut(page, claims, lambda claim: claim_entry(claim, noticed[claim.id]))
    return Reply(HTTPStatus.OK, {"capacityClaims": views}, NO_CACHE | link)


def claims_page(call: Call[object]) -> Page:
    """The page of the list that a request asks for.

    Raises:
        InvalidRequest: ``limit`` or ``cursor`` is malformed.
    """
    return page_of(call, "capacity claims", call.caller.organizations_to_search(frozenset()), place="")


def parameters(types: dict[str, list[str]]) -> Reply:
    """200 with the instance types of each zone."""
    return Reply(HTTPStatus.OK, parameters_view(types), NO_CACHE)


def quotas(found: Sequence[Quota]) -> Reply:
    """200 with the quotas."""
    return Reply(HTTPStatus.OK, quotas_view(found), NO_CACHE)


def claim_id_of(call: Call[object]) -> str:
    """The claim id in the path, in canonical form.

    Raises:
        NotFound: it is no UUID, so no claim has it.
    """
    canonical = canonical_uuid(call.path_parameters["claimID"])
    if canonical is None:
        raise NotFound("the capacity claim does not exist: ids of capacity claims are UUIDs")
    return canonical


def changes_of(call: Call[object]) -> tuple[Resources, str | None]:
    """The resources block of an update, and its name if it has one.

    Raises:
        InvalidRequest: the body has another id than the path.
    """
    body = call.body(ClaimUpdate)
    if body.id is not None and body.id.lower() != call.path_parameters["claimID"].lower():
        raise InvalidRequest("id", "must be the id in the path")
    return body.resources.resources(), body.name


def updated_after(call: Call[object]) -> float | None:
    """The ``updatedAfter`` query parameter, in seconds since the epoch.

    Raises:
        InvalidRequest: it is no RFC 3339 time.
    """
    value = call.single("updatedAfter")
    if value is None:
        return None
    try:
        # A plus sign that the client did not encode arrives as a space.
        return parse_rfc3339(value.replace(" ", "+"))
    except ValueError:
        raise InvalidRequest("updated_after", "must be an RFC 3339 time") from None
