"""Quotas of organizations in the operators' API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.operations.set_quota import LIMIT_MAX, QuotaSetter, check_subject
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.roles import HasInventory, HasQuotas
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.set_quota import Needs as SetNeeds

    class Needs(SetNeeds, HasInventory, Protocol):
        """What the functions of this module work with."""


class OperatorQuotaBody(Body):
    """The limit of an organization for a subject."""

    model_config = ConfigDict(title="operatorQuota")

    limit: int | None = Field(
        ge=0,
        le=LIMIT_MAX,
        strict=True,
        description="`null` takes the organization's own limit away; the default applies, if there is one.",
    )


class OperatorQuotaRead(Body):
    """How much of a subject an organization may have in all, and how much it has."""

    model_config = ConfigDict(title="operatorQuotaRead")

    organization_id: str
    subject: str
    limit: int | None = Field(None, description="Absent if it is counted and not limited.")
    used: int = Field(ge=0)
    is_default: bool = Field(description="Whether the limit is that of every organization without its own.")


class OperatorQuotaChangeRead(OperatorQuotaRead):
    """A quota after a change, and how many holders were counted that were not before."""

    model_config = ConfigDict(title="operatorQuotaChange")

    counted_in: int


def show_quotas(call: Call[HasQuotas]) -> Reply:
    """200 with the quotas of an organization that have a limit, by subject."""
    found = call.services.quotas.limits(call.path_parameters["organizationID"])
    return Reply(HTTPStatus.OK, [*map(quota_view, found)], NO_CACHE)


def set_quota(call: Call[Needs]) -> Reply:
    """200 with the quota after the change."""
    path, services = call.path_parameters, call.services
    limit = call.body(OperatorQuotaBody).limit
    organization_id, subject = path["organizationID"], path["subject"]
    if services.quotas.read(organization_id, subject) is None:
        # An existing quota may be of an accelerator that has since left the catalogue.
        check_subject(services.inventory.regions(), subject)
    change = QuotaSetter.of(services, call.caller.subject).set(organization_id, subject, limit)
    found = change.quota
    view = quota_view(found) if found is not None else {}
    return Reply(HTTPStatus.OK, {**view, "countedIn": change.counted_in}, NO_CACHE)


def quota_view(quota: Quota) -> dict[str, Any]:
    """A quota as JSON."""
    limited = {} if quota.limit is None else {"limit": quota.limit}
    return {
        "organizationId": quota.organization_id,
        "subject": quota.subject,
        **limited,
        "used": quota.used,
        "isDefault": quota.is_default,
    }
