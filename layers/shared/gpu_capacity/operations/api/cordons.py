"""Cordons in the operators' API: bodies, requests and replies."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, StrictStr, model_validator

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.inventory.cordons import Cause, Target
from gpu_capacity.operations.cordon import Cordoner
from gpu_capacity.operations.list_cordons import list_cordons
from gpu_capacity.operations.quarantine import TEXT_BYTES_MAX, Quarantines
from gpu_capacity.operations.reasons import REASON_BYTES_MAX, check_reason
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from typing import Protocol, Self

    from gpu_capacity.holders.roles import HasQuarantine
    from gpu_capacity.http.call import Call
    from gpu_capacity.inventory.cordons import Cordon, Cordons
    from gpu_capacity.operations.cordon import Needs as CordonNeeds
    from gpu_capacity.operations.cordoning import CordonChange
    from gpu_capacity.operations.list_cordons import Needs as ListNeeds

    class QuarantineNeeds(CordonNeeds, HasQuarantine, Protocol):
        """What quarantines work with."""


_ID = Annotated[StrictStr, Field(min_length=1, max_length=255)]


class Source(StrEnum):
    """Who keeps hardware from new holders."""

    OPERATOR = "operator"
    FLEET_DOCUMENT = "fleetDocument"


class TargetBody(Body):
    """The whole region if empty; else one pod, domain or host: a domain with its pod, a host alone."""

    model_config = ConfigDict(title="operatorTarget")

    pod_id: _ID | None = None
    domain_id: _ID | None = None
    host_id: _ID | None = None

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        if problem := _ambiguity(self.target()):
            raise ValueError(problem)
        return self

    def target(self) -> Target:
        """The target that is named."""
        return Target(self.pod_id, self.domain_id, self.host_id)


class CordonBody(Body):
    """What to take out of sale, and why."""

    model_config = ConfigDict(title="cordon")

    target: TargetBody = Field(description="What takes no new holder.")
    reason: StrictStr = Field(min_length=1, max_length=REASON_BYTES_MAX, description="At most 512 bytes.")


class CordonRead(Body):
    """Something that takes no new holder. Its holders keep it."""

    model_config = ConfigDict(title="cordonRead")

    target: TargetBody
    source: Source = Field(description="A fleet document alone lifts its own.")
    cause: Cause
    reason: str | None = None
    evidence: str | None = Field(None, description="What was seen of the failure of a quarantined host.")
    maintenance_id: str | None = None
    since: Timestamp | None = None
    by: str | None = None


class QuarantineBody(Body):
    """A host to set aside. Its holder reads the reason; the evidence is for operators."""

    model_config = ConfigDict(title="quarantine")

    host_id: _ID
    reason: StrictStr = Field(min_length=1, max_length=TEXT_BYTES_MAX, description="At most 256 bytes.")
    evidence: StrictStr = Field("", max_length=TEXT_BYTES_MAX)


class CordonChangeRead(Body):
    """What is out of sale after a change, and how many pods were written because of it."""

    model_config = ConfigDict(title="cordonChange")

    cordons: list[CordonRead]
    pods_written: int


def show_cordons(call: Call[ListNeeds]) -> Reply:
    """200 with everything that takes no new holder in a region, or what does for these causes.

    Raises:
        InvalidRequest: there is no such cause.
    """
    causes = call.values("cause")
    if not causes <= set(Cause):
        raise InvalidRequest("query cause", f"must be one of {', '.join(Cause)}")
    found = list_cordons(call.services, call.path_parameters["regionID"])
    documents = [
        CordonRead.model_construct(
            target=target_body(target), source=Source.FLEET_DOCUMENT, cause=Cause.CORDON
        )
        for target in found.of_document
    ]
    views = [*map(cordon_view, found.of_operators), *map(as_json, documents)]
    return Reply(HTTPStatus.OK, [v for v in views if not causes or v["cause"] in causes], NO_CACHE)


def set_cordon(call: Call[CordonNeeds]) -> Reply:
    """200 with the cordons after a new one."""
    wanted = call.body(CordonBody)
    cordoner = Cordoner.of(call.services, call.caller.subject)
    return _changed(cordoner.cordon(call.path_parameters["regionID"], wanted.target.target(), wanted.reason))


def lift_cordon(call: Call[CordonNeeds]) -> Reply:
    """200 with the cordons after one was lifted."""
    cordoner = Cordoner.of(call.services, call.caller.subject)
    return _changed(cordoner.uncordon(call.path_parameters["regionID"], target_in_query(call)))


def set_quarantine(call: Call[QuarantineNeeds]) -> Reply:
    """200 with what is out of sale after a host was set aside.

    Raises:
        InvalidRequest: the reason says nothing, or the region has no room for another entry.
        NotFound: the region does not have the host.
    """
    wanted, region_id = call.body(QuarantineBody), call.path_parameters["regionID"]
    check_reason(wanted.reason)
    who = call.caller.subject
    found = _quarantines(call.services).place(
        region_id, wanted.host_id, wanted.reason, wanted.evidence, by=who
    )
    return _changed(found)


def lift_quarantine(call: Call[QuarantineNeeds]) -> Reply:
    """200 with what is out of sale after a quarantine was lifted."""
    path = call.path_parameters
    lifted = _quarantines(call.services).lift(path["regionID"], path["hostID"], by=call.caller.subject)
    return _changed(lifted)


def _quarantines(services: CordonNeeds) -> Quarantines:
    return Quarantines(services.fleet, services.telemetry, services.pause, services.clock)


def target_in_query(call: Call[object]) -> Target:
    """The target that the query parameters name: the whole region without any.

    Raises:
        InvalidRequest: an id is empty, or it is not clear what is meant.
    """
    ids = {name: call.single(name) for name in ("podID", "domainID", "hostID")}
    if empty := [name for name, value in ids.items() if value == ""]:
        raise InvalidRequest(f"query {empty[0]}", "must not be empty: leave it out, or give an id")
    target = Target(*ids.values())
    if problem := _ambiguity(target):
        raise InvalidRequest("target", problem)
    return target


def _ambiguity(target: Target) -> str | None:
    """Why a target is not clear. All hardware is named in one way, under which it is found again."""
    if target.host_id is not None and (target.pod_id is not None or target.domain_id is not None):
        return "a host is named alone, as its id is unique: leave out its pod and domain"
    if target.domain_id is not None and target.pod_id is None:
        return "a domain is named with its pod"
    return None


def cordon_view(cordon: Cordon) -> dict[str, Any]:
    """A cordon of an operator as JSON."""
    return as_json(cordon_read(cordon))


def cordon_read(cordon: Cordon) -> CordonRead:
    """A cordon of an operator, as part of something else."""
    return CordonRead.model_construct(
        target=target_body(cordon.target),
        source=Source.OPERATOR,
        cause=cordon.cause,
        reason=cordon.reason,
        evidence=cordon.evidence,
        maintenance_id=cordon.maintenance_id,
        since=timestamp(cordon.since),
        by=cordon.by,
    )


def target_body(target: Target) -> TargetBody:
    """A target as JSON has it."""
    return TargetBody.model_construct(
        pod_id=target.pod_id, domain_id=target.domain_id, host_id=target.host_id
    )


def _changed(change: CordonChange) -> Reply:
    return _shown(change.cordons, change.pods_written)


def _shown(cordons: Cordons, pods_written: int) -> Reply:
    body = {"cordons": [*map(cordon_view, cordons.entries)], "podsWritten": pods_written}
    return Reply(HTTPStatus.OK, body, NO_CACHE)
