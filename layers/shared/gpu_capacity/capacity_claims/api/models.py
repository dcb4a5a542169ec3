"""Bodies of the capacity claims API: names, casing and enums as published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, field_validator
from pydantic.alias_generators import to_camel

from gpu_capacity.capacity_claims.record import INSTANCES_MAX, ZONES_MAX
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.http.rendering import Timestamp, as_json, timestamp
from gpu_capacity.inventory.maintenances import MaintenanceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.capacity_claims.record import CapacityClaim, Condition
    from gpu_capacity.holders.notices import Notice
    from gpu_capacity.holders.quota import Quota

NAME_PATTERN = r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"

CapacityType = Literal["CAPACITY_TYPE_CUSTOMER", "CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_MANAGED"]
Text = Annotated[StrictStr, Field(min_length=1, max_length=253)]


class ClaimBody(BaseModel):
    """Camel case outside, snake case inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


class ResourcesModel(ClaimBody):
    """What a claim asks for."""

    model_config = ConfigDict(title="CapacityClaimResources")

    instance_id: Text
    instance_count: Annotated[StrictInt, Field(ge=1, le=INSTANCES_MAX)]
    zones: Annotated[
        list[Text], Field(min_length=1, max_length=ZONES_MAX, json_schema_extra={"uniqueItems": True})
    ]
    capacity_type: CapacityType

    @field_validator("zones")
    @classmethod
    def _zones_are_unique(cls, zones: list[str]) -> list[str]:
        # Zones compare without case.
        if len({zone.casefold() for zone in zones}) != len(zones):
            raise ValueError("zones must be unique, whatever their case")
        return zones

    def resources(self) -> Resources:
        """The same as the use cases take it."""
        return Resources(self.instance_id, self.instance_count, tuple(self.zones), self.capacity_type)


class ClaimCreate(ClaimBody):
    """Request to create a capacity claim."""

    model_config = ConfigDict(title="CreateCapacityClaimRequest")

    resources: ResourcesModel
    id: Annotated[StrictStr, Field(json_schema_extra={"format": "uuid"})] | None = Field(
        None, description="The same id and body again return the claim."
    )
    name: Annotated[StrictStr, Field(pattern=NAME_PATTERN)] | None = None

    @field_validator("id")
    @classmethod
    def _is_uuid(cls, value: str | None) -> str | None:
        """The id in canonical form, so that two spellings are not two claims."""
        if value is None:
            return None
        canonical = canonical_uuid(value)
        if canonical is None:
            raise ValueError("must be a UUID")
        return canonical


class ClaimUpdate(ClaimBody):
    """Request to change a capacity claim: the whole ``resources`` block."""

    model_config = ConfigDict(title="UpdateCapacityClaimRequest")

    resources: ResourcesModel
    id: Annotated[StrictStr, Field(json_schema_extra={"format": "uuid"})] | None = Field(
        None, description="The id in the path once more."
    )
    name: StrictStr | None = Field(None, description="The claim's name once more: it cannot be changed.")


class ConditionRead(ClaimBody):
    """A fact about a claim in a zone, or, with an empty zone, about the whole of it."""

    model_config = ConfigDict(title="CapacityClaimCondition")

    type: str
    last_update_time: Timestamp
    reason: str
    message: str
    zone: str
    status: Literal["True", "False", "Unknown"]


class ClaimSpecRead(ClaimBody):
    """What a claim asks for, and who."""

    model_config = ConfigDict(title="CapacityClaimSpec")

    id: str
    name: str
    resources: ResourcesModel
    organization_id: str


class ClaimNoticeRead(ClaimBody):
    """A maintenance that is about hosts of a claim; beyond the published contract."""

    model_config = ConfigDict(title="CapacityClaimMaintenance")

    id: str
    status: MaintenanceStatus
    start_time: Timestamp
    end_time: Timestamp
    reason: str
    hosts: list[str]
    forced_time: Timestamp | None = Field(
        default=None, description="From when on the hosts are taken although the claim has them."
    )


class ClaimStatusRead(ClaimBody):
    """What a claim has."""

    model_config = ConfigDict(title="CapacityClaimStatus")

    created_at: Timestamp
    updated_at: Timestamp
    conditions: list[ConditionRead]
    allocated_instances: int = Field(ge=0)
    pending_instances: int = Field(ge=0)
    status: Literal[
        "STATUS_CREATING",
        "STATUS_READY",
        "STATUS_UPDATING",
        "STATUS_DELETING",
        "STATUS_ERROR",
        "STATUS_FAILED",
    ]
    maintenances: list[ClaimNoticeRead] | None = Field(
        default=None, description="Work that is planned or under way on some of its hosts."
    )


class ClaimRead(ClaimBody):
    """A capacity claim."""

    model_config = ConfigDict(title="CapacityClaim")

    spec: ClaimSpecRead
    status: ClaimStatusRead


class ClaimAnswer(ClaimBody):
    """One claim."""

    model_config = ConfigDict(title="CapacityClaimResponse")

    capacity_claim: ClaimRead


class ClaimsAnswer(ClaimBody):
    """All claims, or a page of them."""

    model_config = ConfigDict(title="ListCapacityClaimsResponse")

    capacity_claims: list[ClaimRead]


class InstanceTypesRead(ClaimBody):
    """Instance types of one zone."""

    model_config = ConfigDict(title="ZoneInstanceTypes")

    instance_ids: list[str]


class ParametersAnswer(ClaimBody):
    """What claims may ask for."""

    model_config = ConfigDict(title="CapacityClaimParametersResponse")

    zone_instance_types: dict[str, InstanceTypesRead]


class ClaimQuotaRead(ClaimBody):
    """How many instances an organization may have in all, pending ones included, and how many it has."""

    model_config = ConfigDict(title="CapacityClaimQuota")

    organization_id: str
    subject: str = Field(description="What is counted: instances.")
    limit: int = Field(ge=0)
    used: int = Field(ge=0)


class ClaimQuotasAnswer(ClaimBody):
    """Limits of the caller's organizations; an organization without one is left out."""

    model_config = ConfigDict(title="ListCapacityClaimQuotasResponse")

    quotas: list[ClaimQuotaRead]


class RpcStatus(BaseModel):
    """``google.rpc.Status`` in JSON: a numeric gRPC code and typed details."""

    model_config = ConfigDict(title="RpcStatus", defer_build=True)

    code: int
    message: str
    details: list[dict[str, Any]]


def claim_view(claim: CapacityClaim, notices: Sequence[Notice] = ()) -> dict[str, Any]:
    """A claim as JSON."""
    return as_json(ClaimAnswer.model_construct(capacity_claim=_read(claim, notices)))


def claim_entry(claim: CapacityClaim, notices: Sequence[Notice] = ()) -> dict[str, Any]:
    """A claim in a list as JSON."""
    return as_json(_read(claim, notices))


def quotas_view(quotas: Sequence[Quota]) -> dict[str, Any]:
    """Quotas as JSON."""
    found = [
        ClaimQuotaRead.model_construct(
            organization_id=q.organization_id, subject=q.subject, limit=q.limit, used=q.used
        )
        for q in quotas
    ]
    return as_json(ClaimQuotasAnswer.model_construct(quotas=found))


def parameters_view(types: dict[str, list[str]]) -> dict[str, Any]:
    """Instance types by zone as JSON."""
    zones = {zone: InstanceTypesRead.model_construct(instance_ids=names) for zone, names in types.items()}
    return as_json(ParametersAnswer.model_construct(zone_instance_types=zones))


def _read(claim: CapacityClaim, notices: Sequence[Notice]) -> ClaimRead:
    return ClaimRead.model_construct(
        spec=ClaimSpecRead.model_construct(
            id=claim.id,
            name=claim.name,
            resources=ResourcesModel.model_construct(
                instance_id=claim.instance_id_sent or claim.instance_id,
                instance_count=claim.instance_count,
                zones=list(claim.zones_sent or claim.zones),
                capacity_type=claim.capacity_type,
            ),
            organization_id=claim.organization_id,
        ),
        status=ClaimStatusRead.model_construct(
            created_at=timestamp(claim.created_at),
            updated_at=timestamp(claim.updated_us / 1_000_000),
            conditions=[_condition(condition, claim.spelling_of_zones) for condition in claim.conditions],
            allocated_instances=claim.allocated,
            pending_instances=claim.pending,
            status=claim.status.value,
            maintenances=[_notice(notice) for notice in notices] or None,
        ),
    )


def _notice(notice: Notice) -> ClaimNoticeRead:
    maintenance = notice.maintenance
    return ClaimNoticeRead.model_construct(
        id=maintenance.id,
        status=maintenance.status,
        start_time=timestamp(maintenance.start),
        end_time=timestamp(maintenance.end),
        reason=maintenance.reason,
        hosts=list(notice.hosts),
        forced_time=timestamp(maintenance.force.takes_effect_at) if maintenance.force else None,
    )


def _condition(condition: Condition, spelling: Mapping[str, str]) -> ConditionRead:
    return ConditionRead.model_construct(
        type=condition.type,
        last_update_time=timestamp(condition.updated_at),
        reason=condition.reason,
        message=condition.message,
        zone=spelling.get(condition.zone, condition.zone),
        status=condition.status,
    )
