"""Builds the replies of the VM API, and reads the parameters of its requests."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from gpu_capacity.accounts.api.models import quota_view
from gpu_capacity.accounts.api.replies import account_for
from gpu_capacity.errors import ActionRefused, InvalidRequest, NotFound, ProviderUnavailable
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.http.call import Reply, problems_of
from gpu_capacity.http.pages import CURSOR, LIMIT, cursor_of, next_link, position_in
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.vms.api.errors import QueryInvalid
from gpu_capacity.vms.api.models import (
    CalculateReservation,
    OfferFilter,
    VmCreate,
    VmPage,
    offer_views,
    pricing_view,
    quote_view,
    template_views,
    vm_view,
)
from gpu_capacity.vms.login import LoginRequest
from gpu_capacity.vms.prices import quote_of
from gpu_capacity.vms.read import notices_of, usage_of
from gpu_capacity.vms.record import PageOfVms, RentalType
from gpu_capacity.vms.request import VmRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.notices import Needs as NoticesNeeds
    from gpu_capacity.holders.notices import Notice
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasTelemetry, HasVmProvider
    from gpu_capacity.http.call import Call, OpenCall
    from gpu_capacity.providers.port import Usage
    from gpu_capacity.vms.offers import NodeOffer
    from gpu_capacity.vms.prices import PriceList
    from gpu_capacity.vms.record import Vm, VmStatus
    from gpu_capacity.vms.roles import HasPrices, HasTemplates

    class Shown(HasPrices, HasTelemetry, HasVmProvider, Protocol):
        """What the views of VMs need."""

    class Noticed(Shown, NoticesNeeds, Protocol):
        """What the views of VMs with maintenances need."""

    class Offered(HasPrices, HasTemplates, Protocol):
        """What requests are checked against."""


_AGE: Final = re.compile(r"[0-9]{12}#[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Query = TypeVar("Query", bound=BaseModel)


def vm_reply(call: Call[Shown], vm: Vm) -> Reply:
    """200 with a VM."""
    return Reply(HTTPStatus.OK, _views(call, [vm])[0], NO_CACHE)


def vm_shown(call: Call[Noticed], vm: Vm) -> Reply:
    """200 with a VM and the maintenances that are about its node."""
    return Reply(HTTPStatus.OK, _views(call, [vm], notices_of(call.services, [vm]))[0], NO_CACHE)


def vm_created(call: Call[Shown], vm: Vm, *, dry_run: bool) -> Reply:
    """201 with the new VM; 200 for a dry run, which makes none."""
    return Reply(HTTPStatus.OK if dry_run else HTTPStatus.CREATED, _views(call, [vm])[0], NO_CACHE)


def vm_page(call: Call[object]) -> PageOfVms:
    """The page of the list that a request asks for.

    Raises:
        InvalidRequest: the cursor is not one of this list.
        QueryInvalid: another query parameter is malformed.
    """
    asked = query_of(call.query, VmPage)
    statuses = asked.status or None
    if asked.cursor is None:
        return PageOfVms(asked.limit, asked.offset, None, statuses)
    position = position_in(asked.cursor, _list_of(call, statuses))
    if position is None or not _AGE.fullmatch(position[0]):
        raise InvalidRequest(f"query {CURSOR}", "is none that this list gave out")
    return PageOfVms(asked.limit, asked.offset, position[0], statuses)


def _list_of(call: Call[object], statuses: frozenset[VmStatus] | None) -> tuple[str, ...]:
    """The list that a cursor belongs to: one organization's VMs of these statuses."""
    return ("vms", account_for(call).organization_id, "", *sorted(statuses or ()))


def vms_reply(call: Call[Noticed], page: PageOfVms, vms: Sequence[Vm]) -> Reply:
    """200 with a plain array of VMs; if the page is full, a ``Link`` header leads to the next one."""
    headers = NO_CACHE
    if len(vms) == page.limit:
        last = vms[-1]
        statuses = [("status", status.value) for status in sorted(page.statuses or ())]
        cursor = cursor_of((last.age, last.organization_id), _list_of(call, page.statuses))
        headers = NO_CACHE | next_link([*statuses, (LIMIT, str(page.limit)), (CURSOR, cursor)])
    return Reply(HTTPStatus.OK, _views(call, vms, notices_of(call.services, vms)), headers)


def _views(
    call: Call[Shown], vms: Sequence[Vm], noticed: Sequence[Sequence[Notice]] | None = None
) -> list[dict[str, Any]]:
    usage, prices = _usage(call, vms), call.services.prices
    found = noticed if noticed is not None else [()] * len(vms)
    return [vm_view(vm, prices, usage.get(vm.id), about) for vm, about in zip(vms, found, strict=True)]


def _usage(call: Call[Shown], vms: Sequence[Vm]) -> Mapping[str, Usage]:
    """The usage of VMs by id; empty if the provider does not answer, as no decision depends on it."""
    try:
        return usage_of(call.services, vms)
    except ProviderUnavailable:
        call.services.telemetry.warning("usage not known: the provider does not answer")
        return {}


def quoted(call: Call[HasPrices]) -> Reply:
    """200 with what a reserved rental would cost.

    Raises:
        ActionRefused: the price list has no such GPU type.
    """
    body = call.body(CalculateReservation)
    quote = quote_of(
        call.services.prices, body.gpu_type, body.gpu_count, body.storage_gb, body.reservation_months
    )
    if quote is None:
        raise _not_rented(call.services.prices)
    return Reply(HTTPStatus.OK, quote_view(quote), NO_CACHE)


def _not_rented(prices: PriceList) -> ActionRefused:
    """The refusal of a GPU type without a price. It names the others, as the price list is public."""
    return ActionRefused(f"gpu_type: not rented, there are {', '.join(sorted(prices.gpu_hourly))}")


def offered(call: OpenCall[HasPrices], offers: Sequence[NodeOffer]) -> Reply:
    """200 with the free slices of nodes.

    Raises:
        QueryInvalid: a query parameter is malformed.
    """
    wanted = query_of(call.query, OfferFilter)
    return Reply(HTTPStatus.OK, offer_views(offers, call.services.prices, wanted), NO_CACHE)


def templates_reply(call: Call[HasTemplates]) -> Reply:
    """200 with the templates, in the order of the configured list."""
    return Reply(HTTPStatus.OK, template_views(call.services.templates), NO_CACHE)


def pricing(call: OpenCall[HasPrices]) -> Reply:
    """200 with the list prices."""
    return Reply(HTTPStatus.OK, pricing_view(call.services.prices), NO_CACHE)


def vm_quotas(found: Sequence[Quota]) -> Reply:
    """200 with the organization's quotas."""
    return Reply(HTTPStatus.OK, [quota_view(quota) for quota in found], NO_CACHE)


def vm_request(call: Call[Offered]) -> VmRequest:
    """What the body of a ``POST /vms`` asks for.

    Raises:
        ActionRefused: the price list does not have the GPU type, or the template does not exist.
    """
    body = call.body(VmCreate)
    if body.gpu_type not in call.services.prices.gpu_hourly:
        raise _not_rented(call.services.prices)
    offered_templates = call.services.templates.ids
    if body.template_vmid not in offered_templates:
        offer = ", ".join(map(str, offered_templates))
        raise ActionRefused(f"the template does not exist: offered are {offer} (GET /templates lists them)")
    return VmRequest(
        node=body.node,
        gpu_type=body.gpu_type,
        gpu_count=body.gpu_count,
        storage_gb=body.storage_gb,
        template_vmid=body.template_vmid,
        rental_type=RentalType(body.rental_type),
        reservation_months=body.reservation_months,
        login=LoginRequest(body.ssh_key_id, body.password),
    )


def id_of(call: Call[object]) -> str:
    """The id in the path, in canonical form.

    Raises:
        NotFound: it is no UUID, so nothing has this id.
    """
    canonical = canonical_uuid(call.path_parameters["id"])
    if canonical is None:
        raise NotFound("the requested resource does not exist")
    return canonical


def query_of(query: Mapping[str, list[str]], model: type[Query]) -> Query:
    """The query parameters that the model has; others are ignored.

    Raises:
        QueryInvalid: one of them is malformed.
    """
    given = {name: query[name] for name in model.model_fields if query.get(name)}
    repeated = {
        name for name, field in model.model_fields.items() if get_origin(field.annotation) is frozenset
    }
    try:
        return model.model_validate(
            {name: values if name in repeated else values[0] for name, values in given.items()}
        )
    except ValidationError as error:
        raise QueryInvalid(problems_of(error)) from None
