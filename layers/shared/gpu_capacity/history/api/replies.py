"""GET …/{id}/events of every kind of holder, in the style of its API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.capacity_claims.api.replies import claim_id_of
from gpu_capacity.capacity_claims.read import visible_claim
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.history.api.models import VmEventsPage, event_view, vm_event_view
from gpu_capacity.history.event import Kind
from gpu_capacity.history.read import history_of, known_or_not_found
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.windows import Window
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import CURSOR, LIMIT, cursor_of, cut, next_link, page_of, position_in
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.vms.api.replies import id_of, query_of
from gpu_capacity.vms.read import vm_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from gpu_capacity.capacity_claims.proceed import Needs as ClaimNeeds
    from gpu_capacity.history.items import Entry
    from gpu_capacity.history.read import Needs as HistoryNeeds
    from gpu_capacity.http.call import Call
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.vms.proceed import Needs as VmNeeds

    class NeedsReservations(HasReservations, HistoryNeeds, Protocol):
        """What the events of reservations work with."""

    class NeedsPlacements(HasPlacements, HistoryNeeds, Protocol):
        """What the events of placements work with."""

    class NeedsClaims(ClaimNeeds, HistoryNeeds, Protocol):
        """What the events of capacity claims work with."""

    class NeedsVms(VmNeeds, HistoryNeeds, Protocol):
        """What the events of VMs work with."""


def reservation_events(call: Call[NeedsReservations]) -> Reply:
    """200 with a plain array, newest first; a ``Link`` header leads to the next page, if there is one."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    return _of_project(
        call,
        Kind.RESERVATION,
        wanted,
        lambda: visible_holder(call.services.reservations, call.caller, wanted, organizations),
    )


def placement_events(call: Call[NeedsPlacements]) -> Reply:
    """200 with a plain array, newest first; a ``Link`` header leads to the next page, if there is one."""
    wanted, organizations = call.path_parameters["placementID"], call.values("organizationID")
    return _of_project(
        call,
        Kind.PLACEMENT,
        wanted,
        lambda: visible_holder(call.services.placements, call.caller, wanted, organizations),
    )


def claim_events(call: Call[NeedsClaims]) -> Reply:
    """200 with a page of events; a ``Link`` header leads to the next page, if there is one."""
    claim_id, organizations = claim_id_of(call), call.caller.organizations_to_search(frozenset())
    page = page_of(call, f"events {claim_id}", organizations, place="")
    found = history_of(
        call.services, Kind.CAPACITY_CLAIM, claim_id, organizations, lambda _: True, page.window
    )
    known_or_not_found(found, page.window, lambda: visible_claim(call.services, call.caller, claim_id))
    views, link = cut(page, found, event_view)
    return Reply(HTTPStatus.OK, {"events": views}, NO_CACHE | link)


def vm_events(call: Call[NeedsVms]) -> Reply:
    """200 with a plain array, newest first; if the page is full, a ``Link`` header leads to the next one.

    Raises:
        InvalidRequest: the cursor is not one of this list.
        QueryInvalid: another query parameter is malformed.
    """
    asked, account, vm_id = query_of(call.query, VmEventsPage), account_for(call), id_of(call)
    scope = ("vm events", account.organization_id, vm_id)
    after = None if asked.cursor is None else position_in(asked.cursor, scope)
    if asked.cursor is not None and after is None:
        raise InvalidRequest(f"query {CURSOR}", "is none that this list gave out")
    window = Window(after, asked.limit)
    found = history_of(call.services, Kind.VM, vm_id, [account.organization_id], lambda _: True, window)
    known_or_not_found(found, window, lambda: vm_of(call.services, account, vm_id))
    headers = NO_CACHE
    if len(found) == asked.limit:
        cursor = cursor_of((found[-1].id, account.organization_id), scope)
        headers = NO_CACHE | next_link([(LIMIT, str(asked.limit)), (CURSOR, cursor)])
    return Reply(HTTPStatus.OK, [vm_event_view(entry) for entry in found], headers)


def _of_project(call: Call[HistoryNeeds], kind: Kind, holder_id: str, look: Callable[[], object]) -> Reply:
    organizations = call.caller.organizations_to_search(call.values("organizationID"))
    page = page_of(call, f"events {kind} {holder_id}", organizations)

    def may_see(entry: Entry) -> bool:
        return call.caller.may_see(entry.organization_id, entry.project_id)

    found = history_of(call.services, kind, holder_id, organizations, may_see, page.window)
    known_or_not_found(found, page.window, look)
    views, link = cut(page, found, event_view)
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)
