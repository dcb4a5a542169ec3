"""Bodies of the reservations API, version 0.5.0: names, casing, required fields and enums as published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr, field_validator
from pydantic.alias_generators import to_camel

from gpu_capacity.access import IDENTITY_BYTES_MAX
from gpu_capacity.http.rendering import Timestamp, as_json, timestamp
from gpu_capacity.http.text_sizes import AtMostBytes, printable
from gpu_capacity.inventory.model import Architecture, GpuVendor
from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.record import (
    DESCRIPTION_BYTES_MAX,
    TAG_NAME_BYTES_MAX,
    TAG_VALUE_BYTES_MAX,
    TAGS_MAX,
    Status,
    Tag,
)
from gpu_capacity.reservations.request import ReservationRequest

if TYPE_CHECKING:
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.inventory.model import Offering
    from gpu_capacity.inventory.snapshot import UnitCounts
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.record import Reservation

_CLAIMING = "claiming: the request that creates it is in progress, or has died"

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


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


class TagModel(_Body):
    """A label of the customer's, without meaning to the service."""

    model_config = ConfigDict(title="tag")

    name: Annotated[StrictStr, AtMostBytes(TAG_NAME_BYTES_MAX)] = Field(description="A unique tag name.")
    value: Annotated[StrictStr, AtMostBytes(TAG_VALUE_BYTES_MAX)] = Field(description="The value of the tag.")


class ResourceMetadata(_Body):
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


class ReservationSpec(_Body):
    """What is reserved."""

    model_config = ConfigDict(title="reservationV2Spec")

    region_id: StrictStr = Field(description="The region to reserve capacity in.")
    accelerator: StrictStr = Field(description="Public accelerator model or family to reserve.")
    unit: StrictStr = Field(description="Public reservation granularity to reserve.")
    count: Count = Field(description="Number of reservation units to reserve.")


class ReservationCreateSpec(ReservationSpec):
    """What is reserved, and for whom."""

    model_config = ConfigDict(title="reservationV2CreateSpec")

    organization_id: StrictStr = Field(description="The organization to provision the reservation in.")
    project_id: Project = Field(description="The project to provision the reservation in.")


class ReservationCreate(_Body):
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
        )


class ReservationMetadataRead(ResourceMetadata):
    """Metadata of a reservation."""

    model_config = ConfigDict(title="projectScopedResourceReadMetadata")

    id: str
    organization_id: str
    project_id: str
    creation_time: Timestamp
    created_by: str | None = None
    deletion_time: Timestamp | None = None
    provisioning_status: Literal[
        "unknown", "pending", "provisioning", "provisioned", "deprovisioning", "error"
    ]
    health_status: Health


class ReservationStatusRead(_Body):
    """The state of the reservation. ``message`` says what failed; it is an addition to the contract."""

    model_config = ConfigDict(title="reservationV2Status")

    machine_flavor_id: str
    claimed_unit_count: int = Field(ge=0)
    topology_hash: str | None = None
    topology_observed_at: Timestamp | None = None
    message: str | None = None


class ReservationRead(_Body):
    """A reservation."""

    model_config = ConfigDict(title="reservationV2Read")

    metadata: ReservationMetadataRead
    spec: ReservationSpec
    status: ReservationStatusRead


class GpuRead(_Body):
    """GPUs of one host; memory in GiB for one GPU."""

    model_config = ConfigDict(title="reservationUnitGpuV2")

    vendor: GpuVendor
    model: str
    physical_count: int = Field(ge=0)
    logical_count: int = Field(ge=0)
    memory: int = Field(ge=0)


class HostRead(_Body):
    """One host of a unit; memory in GiB, disk in GB."""

    model_config = ConfigDict(title="reservationUnitHostV2")

    cpus: int = Field(ge=0)
    memory: int = Field(ge=0)
    disk: int = Field(ge=0)
    gpu: GpuRead
    architecture: Architecture


class ReservationUnitRead(_Body):
    """A regional offering with its capacity."""

    model_config = ConfigDict(title="reservationUnitV2")

    region_id: str
    accelerator: str
    unit: str
    machine_flavor_id: str
    device_type_resource_class: str
    hosts_per_unit: int = Field(ge=1)
    cpus_per_unit: int = Field(ge=0)
    gpus_per_unit: int = Field(ge=0)
    gpu_memory_per_unit: int = Field(ge=0)
    memory_per_unit: int = Field(ge=0)
    host: HostRead
    available_unit_count: int = Field(
        ge=0, description="Number of complete, currently unclaimed reservation units that are not cordoned."
    )
    largest_contiguous_unit_count: int = Field(
        ge=0, description="Largest contiguous reservation-unit count currently satisfiable."
    )
    total_count: int = Field(
        ge=0,
        description="Number of complete reservation units in the regional offering. Cordoned ones count.",
    )


class QuotaRead(_Body):
    """How many units of an accelerator an organization may have in all, and how many it has."""

    model_config = ConfigDict(title="quota")

    organization_id: str
    subject: str = Field(description="The accelerator.")
    limit: int = Field(ge=0)
    used: int = Field(ge=0)


class VersionRead(_Body):
    """Name and version of the service."""

    model_config = ConfigDict(title="version")

    name: str
    version: str


class FieldProblemRead(_Body):
    """What is wrong with one field, header or parameter."""

    model_config = ConfigDict(title="fieldProblem")

    field: str
    problem: str


class ExcludedUnits(_Body):
    """Units that no request can have now, each counted by the first reason that applies."""

    model_config = ConfigDict(title="excludedUnits")

    claimed: int = Field(ge=0)
    cordoned: int = Field(ge=0)
    incomplete: int = Field(ge=0)


class CapacityFigures(_Body):
    """Why a reservation does not fit; an addition to the contract. ``canEverFit`` tells whether to wait."""

    model_config = ConfigDict(title="insufficientCapacity")

    requested_unit_count: int = Field(ge=1)
    available_unit_count: int = Field(ge=0)
    largest_contiguous_unit_count: int = Field(ge=0)
    largest_possible_unit_count: int = Field(ge=0)
    can_ever_fit: bool
    excluded: ExcludedUnits


class QuotaFigures(_Body):
    """Which limit refused; an addition to the contract."""

    model_config = ConfigDict(title="quotaExceeded")

    subject: str
    requested: int
    limit: int
    used: int


class ErrorRead(_Body):
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
    quota: QuotaFigures | None = Field(None, description="With 403 over a quota.")


def shown_status(reservation: Reservation) -> str:
    """The status as the API shows it. A claiming reservation, which only operators see, is ``pending``."""
    return (reservation.status if reservation.is_shown else Status.PENDING).value


def reservation_view(observed: Observed) -> dict[str, Any]:
    """A reservation as JSON. Without tags there is no list of tags; an absent description stays absent."""
    reservation = observed.reservation
    return as_json(
        ReservationRead.model_construct(
            metadata=ReservationMetadataRead.model_construct(
                id=reservation.id,
                name=reservation.name,
                description=reservation.description,
                tags=[TagModel.model_construct(name=t.name, value=t.value) for t in reservation.tags] or None,
                organization_id=reservation.organization_id,
                project_id=reservation.project_id,
                creation_time=timestamp(reservation.created_at),
                created_by=reservation.created_by,
                deletion_time=timestamp(reservation.deleted_at),
                provisioning_status=shown_status(reservation),
                health_status=observed.health,
            ),
            spec=ReservationSpec.model_construct(
                region_id=reservation.region_id,
                accelerator=reservation.accelerator,
                unit=reservation.unit,
                count=reservation.count,
            ),
            status=ReservationStatusRead.model_construct(
                machine_flavor_id=reservation.flavor_id,
                claimed_unit_count=reservation.owned_units,
                topology_hash=observed.topology_hash,
                topology_observed_at=timestamp(observed.observed_at),
                message=reservation.failure if reservation.is_shown else _CLAIMING,
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


def unit_view(offering: Offering, counts: UnitCounts) -> dict[str, Any]:
    """An offering as JSON. The figures of a unit are computed from those of its hosts."""
    flavor, hosts = offering.flavor, offering.hosts_per_unit
    gpus = hosts * flavor.gpu.logical_count
    return as_json(
        ReservationUnitRead.model_construct(
            region_id=offering.region_id,
            accelerator=offering.accelerator,
            unit=offering.unit,
            machine_flavor_id=flavor.id,
            device_type_resource_class=offering.device_type_resource_class,
            hosts_per_unit=hosts,
            cpus_per_unit=hosts * flavor.cpus,
            gpus_per_unit=gpus,
            gpu_memory_per_unit=hosts * flavor.gpu.physical_count * flavor.gpu.memory_gib,
            memory_per_unit=hosts * flavor.memory_gib,
            host=HostRead.model_construct(
                cpus=flavor.cpus,
                memory=flavor.memory_gib,
                disk=flavor.disk_gb,
                gpu=GpuRead.model_construct(
                    vendor=flavor.gpu.vendor,
                    model=flavor.gpu.model,
                    physical_count=flavor.gpu.physical_count,
                    logical_count=flavor.gpu.logical_count,
                    memory=flavor.gpu.memory_gib,
                ),
                architecture=flavor.architecture,
            ),
            available_unit_count=counts.available,
            largest_contiguous_unit_count=counts.largest_run,
            total_count=counts.total,
        )
    )
