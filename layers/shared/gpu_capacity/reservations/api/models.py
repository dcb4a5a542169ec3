"""Bodies of the reservations API, version 0.5.0: names, casing, required fields and enums as published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr, field_validator

from gpu_capacity.access import IDENTITY_BYTES_MAX
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.http.rendering import Timestamp, as_json, timestamp
from gpu_capacity.http.text_sizes import AtMostBytes, printable
from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.api.details import (
    CLAIMING,
    HealthDetail,
    ProvisioningDetail,
    explain_health,
    explain_provisioning,
)
from gpu_capacity.reservations.api.notices import NoticeRead, notices_read
from gpu_capacity.reservations.api.units import HostRead, host_read
from gpu_capacity.reservations.record import (
    DESCRIPTION_BYTES_MAX,
    TAG_NAME_BYTES_MAX,
    TAG_VALUE_BYTES_MAX,
    TAGS_MAX,
    Status,
)
from gpu_capacity.reservations.request import ReservationRequest

if TYPE_CHECKING:
    from gpu_capacity.holders.project_scoped import ProjectScoped
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.record import Reservation

COUNT_MAX = 2_147_483_647
"""The published schema has no maximum; a count of more than 32 bits can only be a mistake."""

LABEL_PATTERN = r"^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$"

Label = Annotated[
    StrictStr,
    # The published pattern with the hyphen escaped, as this engine reads ``z-_`` as the start of a range.
    Field(
        pattern=LABEL_PATTERN.replace("z-_", r"z\-_"),
        description="A valid Kubernetes label value.",
        json_schema_extra={"pattern": LABEL_PATTERN},
    ),
]
# Validated here, because a token may allow all projects, and then says nothing about their names.
Project = Annotated[
    StrictStr, Field(min_length=1), AtMostBytes(IDENTITY_BYTES_MAX), AfterValidator(printable)
]
Count = Annotated[StrictInt, Field(ge=1, le=COUNT_MAX)]


class TagModel(Body):
    """A label of the customer's, without meaning to the service."""

    model_config = ConfigDict(title="tag")

    name: Annotated[StrictStr, AtMostBytes(TAG_NAME_BYTES_MAX)] = Field(description="A unique tag name.")
    value: Annotated[StrictStr, AtMostBytes(TAG_VALUE_BYTES_MAX)] = Field(description="The value of the tag.")


class ResourceMetadata(Body):
    """Metadata required for reads and writes."""

    model_config = ConfigDict(title="resourceMetadata")

    name: Label
    description: Annotated[StrictStr, AtMostBytes(DESCRIPTION_BYTES_MAX)] | None = None
    tags: Annotated[list[TagModel], Field(max_length=TAGS_MAX)] | None = None

    @field_validator("tags")
    @classmethod
    def _names_are_unique(cls, tags: list[TagModel] | None) -> list[TagModel] | None:
        if tags and len({tag.name for tag in tags}) != len(tags):
            raise ValueError("tag names must be unique")
        return tags


class ReservationSpec(Body):
    """What is reserved."""

    model_config = ConfigDict(title="reservationV2Spec")

    region_id: StrictStr = Field(description="The region to reserve capacity in.")
    accelerator: StrictStr = Field(description="Public accelerator model or family to reserve.")
    unit: StrictStr = Field(description="Public reservation granularity to reserve.")
    count: Count = Field(description="Number of reservation units to reserve.")
    spare_hosts_per_unit: Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)] | None = Field(
        None, description="Fit hosts of each unit that placements leave free, for servers that lose theirs."
    )


class ReservationCreateSpec(ReservationSpec):
    """What is reserved, and for whom."""

    model_config = ConfigDict(title="reservationV2CreateSpec")

    organization_id: StrictStr = Field(description="The organization to provision the reservation in.")
    project_id: Project = Field(description="The project to provision the reservation in.")


class ReservationCreate(Body):
    """A request to create a reservation."""

    model_config = ConfigDict(title="reservationV2Create")

    metadata: ResourceMetadata
    spec: ReservationCreateSpec

    def request(self) -> ReservationRequest:
        """The request as use cases take it."""
        return ReservationRequest(
            organization_id=self.spec.organization_id,
            project_id=self.spec.project_id,
            region_id=self.spec.region_id,
            accelerator=self.spec.accelerator,
            unit=self.spec.unit,
            count=self.spec.count,
            name=self.metadata.name,
            description=self.metadata.description,
            tags=tuple(Tag(tag.name, tag.value) for tag in self.metadata.tags or ()),
            spare_hosts_per_unit=self.spec.spare_hosts_per_unit or 0,
        )


class ProjectScopedMetadataRead(ResourceMetadata):
    """Metadata of a reservation or a placement. A reservation is never modified."""

    model_config = ConfigDict(title="projectScopedResourceReadMetadata")

    id: str
    organization_id: str
    project_id: str
    creation_time: Timestamp
    created_by: str | None = None
    modified_time: Timestamp | None = None
    modified_by: str | None = None
    deletion_time: Timestamp | None = None
    provisioning_status: Literal["pending", "provisioning", "provisioned", "deprovisioning", "error"]
    provisioning_status_detail: ProvisioningDetail | None = None
    health_status: Health
    health_status_detail: HealthDetail | None = None

    @classmethod
    def of(
        cls,
        record: ProjectScoped,
        provisioning: tuple[str, str, str],
        health: tuple[Health, str, str],
        **more: Any,
    ) -> ProjectScopedMetadataRead:
        """The metadata of what a record stands for. Without tags there is no list of tags.

        Args:
            record: the record.
            provisioning: the provisioning status, its reason and its explanation.
            health: the same of the health status.
            **more: other fields, or other values of those that the record has.
        """
        status, reason, message = provisioning
        health_status, health_reason, health_message = health
        shown = {
            "id": record.id,
            "name": record.name,
            "description": record.description,
            "tags": [TagModel.model_construct(name=t.name, value=t.value) for t in record.tags] or None,
            "organization_id": record.organization_id,
            "project_id": record.project_id,
            "creation_time": timestamp(record.created_at),
            "created_by": record.created_by,
            "deletion_time": timestamp(record.deleted_at),
            "provisioning_status": status,
            "provisioning_status_detail": ProvisioningDetail.model_construct(reason=reason, message=message),
            "health_status": health_status,
            "health_status_detail": HealthDetail.model_construct(
                reason=health_reason, message=health_message
            ),
        }
        return cls.model_construct(**(shown | more))


class ReservationStatusRead(Body):
    """The state of the reservation. ``message`` says what failed; it is an addition to the contract."""

    model_config = ConfigDict(title="reservationV2Status")

    machine_flavor_id: str
    claimed_unit_count: int = Field(ge=0)
    host: HostRead
    topology_hash: str | None = None
    topology_observed_at: Timestamp | None = None
    message: str | None = None
    maintenances: list[NoticeRead] | None = Field(
        default=None, description="Work that is planned or under way on some of its hosts."
    )


class ReservationRead(Body):
    """A reservation."""

    model_config = ConfigDict(title="reservationV2Read")

    metadata: ProjectScopedMetadataRead
    spec: ReservationSpec
    status: ReservationStatusRead


class QuotaRead(Body):
    """How much of a subject an organization may have in all, and how much it has."""

    model_config = ConfigDict(title="quota")

    organization_id: str
    subject: str = Field(description="An accelerator, whose units are counted, or `placement_servers`.")
    limit: int = Field(ge=0)
    used: int = Field(ge=0)


class VersionRead(Body):
    """Name and version of the service."""

    model_config = ConfigDict(title="version")

    name: str
    version: str


class FieldProblemRead(Body):
    """What is wrong with one field, header or parameter."""

    model_config = ConfigDict(title="fieldProblem")

    field: str
    problem: str


class ExcludedUnits(Body):
    """Units that no request can have now, each counted by the first reason that applies."""

    model_config = ConfigDict(title="excludedUnits")

    claimed: int = Field(ge=0)
    cordoned: int = Field(ge=0)
    incomplete: int = Field(ge=0)


class CapacityFigures(Body):
    """Why a reservation does not fit; an addition to the contract. ``canEverFit`` tells whether to wait."""

    model_config = ConfigDict(title="insufficientCapacity")

    requested_unit_count: int = Field(ge=1)
    available_unit_count: int = Field(ge=0)
    largest_contiguous_unit_count: int = Field(ge=0)
    largest_possible_unit_count: int = Field(ge=0)
    can_ever_fit: bool
    excluded: ExcludedUnits


class HostFigures(Body):
    """Why a placement does not fit; an addition to the contract. ``canEverFit`` tells whether to wait."""

    model_config = ConfigDict(title="hostsUnavailable")

    requested_host_count: int = Field(ge=1)
    total_host_count: int = Field(ge=0)
    free_host_count: int = Field(ge=0)
    ready_host_count: int | None = Field(None, ge=0, description="Of the free ones, with `Require`.")
    spare_host_count: int | None = Field(None, ge=0, description="Of the free ones, left free as spares.")
    can_ever_fit: bool


class QuotaFigures(Body):
    """Which limit refused; an addition to the contract."""

    model_config = ConfigDict(title="quotaExceeded")

    subject: str
    requested: int
    limit: int
    used: int


class ErrorRead(Body):
    """An error, compatible with OAuth 2."""

    model_config = ConfigDict(title="error", alias_generator=None)

    error: Literal[
        "invalid_request",
        "server_error",
        "access_denied",
        "not_found",
        "conflict",
        "method_not_allowed",
        "unsupported_media_type",
        "request_entity_too_large",
        "unprocessable_content",
        "forbidden",
    ]
    error_description: str
    trace_id: str
    errors: list[FieldProblemRead] | None = Field(None, description="With 400: every wrong field.")
    capacity: CapacityFigures | None = Field(None, description="With 507.")
    hosts: HostFigures | None = Field(None, description="With 409 where hosts of a reservation are short.")
    quota: QuotaFigures | None = Field(None, description="With 403 over a quota.")


def shown_status(reservation: Reservation) -> str:
    """The status as the API shows it. A claiming reservation, which only operators see, is ``pending``."""
    return (reservation.status if reservation.is_shown else Status.PENDING).value


def reservation_view(observed: Observed) -> dict[str, Any]:
    """A reservation as JSON."""
    reservation = observed.reservation
    return as_json(
        ReservationRead.model_construct(
            metadata=ProjectScopedMetadataRead.of(
                reservation,
                (shown_status(reservation), *explain_provisioning(reservation)),
                (observed.health, *explain_health(observed)),
            ),
            spec=ReservationSpec.model_construct(
                region_id=reservation.region_id,
                accelerator=reservation.accelerator,
                unit=reservation.unit,
                count=reservation.count,
                spare_hosts_per_unit=reservation.spare_hosts_per_unit or None,
            ),
            status=ReservationStatusRead.model_construct(
                machine_flavor_id=reservation.flavor_id,
                claimed_unit_count=reservation.owned_units,
                host=host_read(observed.flavor),
                topology_hash=observed.topology_hash,
                topology_observed_at=timestamp(observed.observed_at),
                message=reservation.failure if reservation.is_shown else CLAIMING,
                maintenances=notices_read(
                    observed.notices, reservation.organization_id, reservation.id, reservation.life
                ),
            ),
        )
    )


def quota_view(quota: Quota) -> dict[str, Any]:
    """A quota as JSON."""
    return as_json(
        QuotaRead.model_construct(
            organization_id=quota.organization_id, subject=quota.subject, limit=quota.limit, used=quota.used
        )
    )
