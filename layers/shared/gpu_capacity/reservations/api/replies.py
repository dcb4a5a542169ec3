"""Builds the replies of the reservations API, and reads the parameters of its requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gpu_capacity import API_NAME, API_VERSION
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import Page, cut, page_of
from gpu_capacity.http.rendering import NO_CACHE, as_json
from gpu_capacity.reservations.api.models import (
    ReservationCreate,
    VersionRead,
    quota_view,
    reservation_view,
)
from gpu_capacity.reservations.api.units import unit_view
from gpu_capacity.reservations.read import ReservationFilter, UnitFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.visible import ProjectFilter
    from gpu_capacity.http.call import Call
    from gpu_capacity.inventory.model import Offering
    from gpu_capacity.inventory.snapshot import UnitCounts
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.request import ReservationRequest


def created(observed: Observed, *, dry_run: bool) -> Reply:
    """202 with the new reservation; 200 for a dry run, which makes none."""
    status = HTTPStatus.OK if dry_run else HTTPStatus.ACCEPTED
    return Reply(status, reservation_view(observed), NO_CACHE)


def one(observed: Observed) -> Reply:
    """200 with a reservation."""
    return Reply(HTTPStatus.OK, reservation_view(observed), NO_CACHE)


def many(page: Page, observed: Sequence[Observed]) -> Reply:
    """200 with a plain array; a ``Link`` header leads to the next page, if there is one."""
    views, link = cut(page, observed, reservation_view)
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)


def page_for(call: Call[object], name: str, wanted: ProjectFilter[Any]) -> Page:
    """The page of the list ``name`` that a request asks for.

    Raises:
        InvalidRequest: ``limit`` or ``cursor`` is malformed.
    """
    return page_of(call, name, call.caller.organizations_to_search(wanted.organizations))


def accepted() -> Reply:
    """202 without a body."""
    return Reply(HTTPStatus.ACCEPTED, None, NO_CACHE)


def units(offered: Sequence[tuple[Offering, UnitCounts]]) -> Reply:
    """200 with the offerings."""
    return Reply(HTTPStatus.OK, [unit_view(offering, counts) for offering, counts in offered], NO_CACHE)


def quotas(found: Sequence[Quota]) -> Reply:
    """200 with the quotas."""
    return Reply(HTTPStatus.OK, [quota_view(quota) for quota in found], NO_CACHE)


def version() -> Reply:
    """200 with name and version."""
    return Reply(HTTPStatus.OK, as_json(VersionRead(name=API_NAME, version=API_VERSION)), NO_CACHE)


def reservation_request(call: Call[object]) -> ReservationRequest:
    """What the body of a ``POST`` asks for."""
    request = call.body(ReservationCreate).request()
    call.involved.note(call.caller, request.organization_id)
    return request


def reservation_filter(call: Call[object]) -> ReservationFilter:
    """The filter in the query parameters of the list.

    Raises:
        InvalidRequest: a tag selector is not ``name=value``.
    """
    return ReservationFilter(
        organizations=call.values("organizationID"),
        projects=call.values("projectID"),
        regions=call.values("regionID"),
        tags=tag_selectors(call),
    )


def unit_filter(call: Call[object]) -> UnitFilter:
    """The filter in the query parameters of the list of offerings."""
    return UnitFilter(
        regions=call.values("regionID"),
        accelerators=call.values("accelerator"),
        units=call.values("unit"),
    )


def tag_selectors(call: Call[object]) -> tuple[str, ...]:
    """The tags that a resource must have, as sent.

    Raises:
        InvalidRequest: one is not ``name=value``.
    """
    selectors = tuple(call.ordered_values("tag"))
    if not all("=" in selector for selector in selectors):
        raise InvalidRequest("query tag", "must be name=value")
    return selectors
