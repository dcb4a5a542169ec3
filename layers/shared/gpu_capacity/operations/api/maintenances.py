"""Maintenances in the operators' API: bodies, requests and replies."""

from __future__ import annotations

from http import HTTPStatus
from math import floor
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.conditions import tag_of, tagged
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.inventory.maintenances import MaintenanceStatus
from gpu_capacity.operations.api.cordons import TargetBody, target_body
from gpu_capacity.operations.api.impact import ImpactRead, impact_read
from gpu_capacity.operations.impact import impact_of
from gpu_capacity.operations.plan_maintenance import (
    TARGETS_MAX,
    MaintenancePlan,
    cancel_maintenance,
    change_maintenance,
    plan_maintenance,
)
from gpu_capacity.operations.read_maintenances import get_maintenance, list_maintenances
from gpu_capacity.operations.reasons import REASON_BYTES_MAX
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.times import parse_rfc3339

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasMaintenances
    from gpu_capacity.http.call import Call
    from gpu_capacity.inventory.maintenances import MaintainedHost, Maintenance
    from gpu_capacity.operations.impact import Needs as ImpactNeeds
    from gpu_capacity.operations.plan_maintenance import Needs as PlanNeeds

    class Planned(PlanNeeds, ImpactNeeds, Protocol):
        """What plans and their impact work with."""

    class Shown(HasMaintenances, ImpactNeeds, Protocol):
        """What a maintenance and its impact are read from."""


FORCE_SECONDS_MAX: Final = 10**9
"""Some 30 years: what is longer is a mistake, and no time that can be stored or shown."""


def _time(value: str) -> str:
    parse_rfc3339(value)
    return value


_Time = Annotated[StrictStr, AfterValidator(_time), Field(json_schema_extra={"format": "date-time"})]


class MaintenanceChangeBody(Body):
    """What is worked on, when and why."""

    model_config = ConfigDict(title="maintenanceChange")

    targets: list[TargetBody] = Field(min_length=1, max_length=TARGETS_MAX)
    start_time: _Time = Field(description="From when on free hosts are taken.")
    end_time: _Time = Field(description="When the hosts come back.")
    reason: StrictStr = Field(
        min_length=1, max_length=REASON_BYTES_MAX, description="Holders read it. At most 512 bytes."
    )
    force_after_seconds: StrictInt | None = Field(
        default=None,
        ge=0,
        le=FORCE_SECONDS_MAX,
        description="How long after the notice of it, but not before `startTime`, held hosts are taken "
        "without their holders' word. Without it they are not.",
    )

    def plan(self) -> MaintenancePlan:
        """What is wanted. Fractions of a second are cut off."""
        return MaintenancePlan(
            tuple(target.target() for target in self.targets),
            floor(parse_rfc3339(self.start_time)),
            floor(parse_rfc3339(self.end_time)),
            self.reason,
            self.force_after_seconds,
        )


class MaintenanceBody(MaintenanceChangeBody):
    """A maintenance to plan."""

    model_config = ConfigDict(title="maintenance")

    region_id: StrictStr = Field(min_length=1, max_length=255)


class ForceRead(Body):
    """That held hosts are taken without their holders' word."""

    model_config = ConfigDict(title="maintenanceForce")

    notice_time: Timestamp = Field(description="Since when holders can read of it.")
    effective_time: Timestamp


class PermitRead(Body):
    """A reservation whose owner allows the maintenance on its hosts."""

    model_config = ConfigDict(title="maintenancePermit")

    organization_id: str
    reservation_id: str
    time: Timestamp
    by: str


class MaintainedHostRead(Body):
    """A host that the maintenance has taken."""

    model_config = ConfigDict(title="maintainedHost")

    host_id: str
    pod_id: str
    since: Timestamp
    held: bool = Field(description="Whether a holder had it then.")
    in_maintenance_since: Timestamp | None = Field(
        default=None, description="Since when the provider has it in maintenance."
    )
    server_stopped: bool = Field(
        description="Whether a server was stopped, which is started again at the end."
    )
    returning_since: Timestamp | None = Field(
        default=None, description="Since when it is being brought back."
    )


class MaintenanceRead(Body):
    """A maintenance."""

    model_config = ConfigDict(title="maintenanceRead")

    id: str
    revision: int = Field(description="Rises with each change. In double quotes it is the `ETag`.")
    region_id: str
    targets: list[TargetBody]
    start_time: Timestamp
    end_time: Timestamp
    reason: str
    by: str
    creation_time: Timestamp
    status: MaintenanceStatus = Field(
        description="`planned` until its window opens; `ending` while its hosts are brought back."
    )
    force: ForceRead | None = None
    permits: list[PermitRead]
    over_time: Timestamp | None = None
    impact: ImpactRead | None = Field(
        default=None, description="Who has some of the hosts now; with `dryRun`, and of one maintenance."
    )


class MaintenanceDetailRead(MaintenanceRead):
    """A maintenance with the hosts that it has taken."""

    model_config = ConfigDict(title="maintenanceDetailRead")

    hosts: list[MaintainedHostRead]


def plan(call: Call[Planned]) -> Reply:
    """201 with a new maintenance; 200 with what it would be, for a dry run."""
    body, dry_run = call.body(MaintenanceBody), call.flag("dryRun")
    planned = plan_maintenance(
        call.services, call.caller.subject, body.region_id, body.plan(), dry_run=dry_run
    )
    if not dry_run:
        return Reply(HTTPStatus.CREATED, _view(planned), NO_CACHE | tagged(planned.tag))
    return Reply(HTTPStatus.OK, _view(planned, _impact(call.services, planned)), NO_CACHE)


def change(call: Call[Planned]) -> Reply:
    """200 with a maintenance as it is after a change, or would be."""
    body, dry_run = call.body(MaintenanceChangeBody), call.flag("dryRun")
    changed = change_maintenance(
        call.services,
        call.caller.subject,
        call.path_parameters["maintenanceID"],
        body.plan(),
        tag_of(call, "the ETag of the maintenance"),
        dry_run=dry_run,
    )
    impact = _impact(call.services, changed) if dry_run else None
    return Reply(HTTPStatus.OK, _view(changed, impact), NO_CACHE | tagged(changed.tag))


def cancel(call: Call[PlanNeeds]) -> Reply:
    """202 with a maintenance that is cancelled."""
    cancelled = cancel_maintenance(call.services, call.caller.subject, call.path_parameters["maintenanceID"])
    return Reply(HTTPStatus.ACCEPTED, _view(cancelled), NO_CACHE)


def show_all(call: Call[HasMaintenances]) -> Reply:
    """200 with maintenances, those that begin first first.

    Raises:
        InvalidRequest: there is no such status.
    """
    known = {status.value for status in MaintenanceStatus}
    statuses = call.values("status")
    if not statuses <= known:
        raise InvalidRequest("query status", f"must be one of {', '.join(sorted(known))}")
    wanted = frozenset(map(MaintenanceStatus, statuses))
    found = list_maintenances(call.services, call.values("regionID"), wanted)
    return Reply(HTTPStatus.OK, [_view(maintenance) for maintenance in found], NO_CACHE)


def show(call: Call[Shown]) -> Reply:
    """200 with a maintenance and its hosts."""
    maintenance, hosts = get_maintenance(call.services, call.path_parameters["maintenanceID"])
    impact = None if maintenance.is_over else _impact(call.services, maintenance)
    view = _view(maintenance, impact) | {"hosts": [_host_view(host) for host in hosts]}
    return Reply(HTTPStatus.OK, view, NO_CACHE | tagged(maintenance.tag))


def _impact(services: ImpactNeeds, maintenance: Maintenance) -> ImpactRead:
    impact = impact_of(services, maintenance.region_id, maintenance.targets)
    return impact_read(impact, maintenance)


def _view(maintenance: Maintenance, impact: ImpactRead | None = None) -> dict[str, Any]:
    force = maintenance.force
    return as_json(
        MaintenanceRead.model_construct(
            id=maintenance.id,
            revision=maintenance.revision,
            region_id=maintenance.region_id,
            targets=[target_body(target) for target in maintenance.targets],
            start_time=timestamp(maintenance.start),
            end_time=timestamp(maintenance.end),
            reason=maintenance.reason,
            by=maintenance.by,
            creation_time=timestamp(maintenance.created_at),
            status=maintenance.status,
            force=force
            and ForceRead.model_construct(
                notice_time=timestamp(force.noticed_at), effective_time=timestamp(force.takes_effect_at)
            ),
            permits=[
                PermitRead.model_construct(
                    organization_id=permit.organization_id,
                    reservation_id=permit.holder_id,
                    time=timestamp(permit.at),
                    by=permit.by,
                )
                for permit in maintenance.permits
            ],
            over_time=timestamp(maintenance.over_at),
            impact=impact,
        )
    )


def _host_view(host: MaintainedHost) -> dict[str, Any]:
    return as_json(
        MaintainedHostRead.model_construct(
            host_id=host.host_id,
            pod_id=host.pod_id,
            since=timestamp(host.since),
            held=host.held,
            in_maintenance_since=timestamp(host.in_effect_since),
            server_stopped=host.stopped is not None,
            returning_since=timestamp(host.back_since),
        )
    )
