"""Impacts and drains in the operators' API: who has some of the hosts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.operations.api.cordons import CordonRead, cordon_read
from gpu_capacity.operations.impact import allowed_at, drain_of
from gpu_capacity.operations.kinds import HolderKind, kind_of
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.operations.impact import Impact, Needs


class TenantRead(Body):
    """A holder that has some of the hosts."""

    model_config = ConfigDict(title="tenant")

    kind: HolderKind
    id: str
    organization_id: str
    status: str
    since: Timestamp = Field(description="When it was made.")
    until: Timestamp | None = Field(None, description="When its term ends, if it has one.")
    allowed_time: Timestamp | None = Field(None, description="When its owner allowed the maintenance.")
    hosts: list[str]


class ImpactRead(Body):
    """How many hosts something is about, how many of them are free, and who has the others."""

    model_config = ConfigDict(title="impact")

    host_count: int
    free_host_count: int
    holders: list[TenantRead]


class DrainRead(Body):
    """A pod that is to be empty."""

    model_config = ConfigDict(title="drain")

    region_id: str
    pod_id: str
    cordon: CordonRead | None = Field(None, description="What keeps new holders off; absent if nothing does.")
    empty: bool = Field(description="Whether nobody is there any more.")
    impact: ImpactRead


def show_drain(call: Call[Needs]) -> Reply:
    """200 with who is still in a pod."""
    region_id = call.path_parameters["regionID"]
    drain = drain_of(call.services, region_id, call.path_parameters["podID"])
    view = DrainRead.model_construct(
        region_id=region_id,
        pod_id=drain.pod_id,
        cordon=None if drain.cordon is None else cordon_read(drain.cordon),
        empty=not drain.impact.tenants,
        impact=impact_read(drain.impact),
    )
    return Reply(HTTPStatus.OK, as_json(view), NO_CACHE)


def impact_read(impact: Impact, maintenance: Maintenance | None = None) -> ImpactRead:
    """An impact as JSON has it."""
    return ImpactRead.model_construct(
        host_count=impact.hosts,
        free_host_count=impact.free_hosts,
        holders=[
            TenantRead.model_construct(
                kind=kind_of(tenant.record),
                id=tenant.record.id,
                organization_id=tenant.record.organization_id,
                status=tenant.record.status.value,
                since=timestamp(tenant.record.created_at),
                until=timestamp(tenant.until),
                allowed_time=timestamp(allowed_at(maintenance, tenant.record)),
                hosts=list(tenant.hosts),
            )
            for tenant in impact.tenants
        ],
    )
