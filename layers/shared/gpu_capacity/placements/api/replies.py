"""Builds the replies about placements, and reads the parameters of requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import Page, cut
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.placements.api.models import PlacementCreate, PlacementUpdate, placement_view
from gpu_capacity.placements.read import PlacementFilter
from gpu_capacity.reservations.api.replies import tag_selectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.call import Call
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.request import PlacementRequest, PlacementSpec


def created(observed: ObservedPlacement, *, dry_run: bool) -> Reply:
    """202 with the new placement; 200 for a dry run, which makes none."""
    status = HTTPStatus.OK if dry_run else HTTPStatus.ACCEPTED
    return Reply(status, placement_view(observed), NO_CACHE)


def one(observed: ObservedPlacement) -> Reply:
    """200 with a placement."""
    return Reply(HTTPStatus.OK, placement_view(observed), NO_CACHE)


def many(page: Page, observed: Sequence[ObservedPlacement]) -> Reply:
    """200 with a plain array; a ``Link`` header leads to the next page, if there is one."""
    views, link = cut(page, observed, placement_view)
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)


def placement_request(call: Call[object]) -> PlacementRequest:
    """What the body of a ``POST`` asks for."""
    return call.body(PlacementCreate).request()


def placement_spec(call: Call[object]) -> PlacementSpec:
    """The spec in the body of a ``PUT``."""
    return call.body(PlacementUpdate).spec.spec()


def placement_filter(call: Call[object]) -> PlacementFilter:
    """The filter in the query parameters of the list.

    Raises:
        InvalidRequest: a tag selector is not ``name=value``.
    """
    return PlacementFilter(
        organizations=call.values("organizationID"),
        projects=call.values("projectID"),
        regions=call.values("regionID"),
        reservations=call.values("reservationID"),
        networks=call.values("networkID"),
        tags=tag_selectors(call),
    )
