"""The fleet document as the fleet manager writes it: JSON, version 1 of its schema.

These models say what one field may hold. What two fields must agree on (unique ids, known flavors) is
checked in ``parsing``; what the stored inventory forbids is checked in ``acceptance``.

Unknown fields are refused: a misspelt ``cordoned`` must not be read as "in use".
"""

import json
from enum import StrEnum
from math import floor
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from gpu_capacity.inventory.model import (
    DOMAINS_PER_POD_MAX,
    HOSTS_PER_DOMAIN_MAX,
    Architecture,
    GpuVendor,
)
from gpu_capacity.times import LAST_SECOND, parse_rfc3339

SCHEMA_VERSION: Final = 1

DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
"""As it is published. The document is parsed in memory, so what a feed may hand over is bounded."""

UNPACKED_BYTES_MAX: Final = 48 * 1024 * 1024
"""Of a document that is published as gzip: about 300,000 hosts."""

FLAVORS_MAX: Final = 256
REGIONS_MAX: Final = 64
OFFERINGS_PER_REGION_MAX: Final = 64
ORGANIZATIONS_PER_REGION_MAX: Final = 1000
PODS_PER_REGION_MAX: Final = 4096

SEQUENCE_MAX: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact
_COUNT_MAX: Final = 2**31 - 1
OBSERVED_AT_MIN: Final = int(parse_rfc3339("2000-01-01T00:00:00Z"))
"""An earlier time is a clock that was never set."""

# Identifiers become parts of keys: no separator ('#') and no white space can occur in one.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[StrictInt, Field(ge=0, le=_COUNT_MAX)]
Positive = Annotated[StrictInt, Field(ge=1, le=_COUNT_MAX)]


def _whole(value: object) -> object:
    """Python takes ``True`` and ``1.0`` for 1."""
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _whole_seconds(value: object) -> int:
    """A date-time with its offset, in seconds since the epoch; fractions are cut."""
    if not isinstance(value, str):
        raise ValueError("not an RFC 3339 date-time with an offset")  # noqa: TRY004 - pydantic's way to refuse
    return floor(parse_rfc3339(value))


Instant = Annotated[
    int,
    Field(ge=OBSERVED_AT_MIN, le=LAST_SECOND),
    BeforeValidator(
        _whole_seconds,
        json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})],
    ),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class ReportedState(StrEnum):
    """What the fleet manager may say of a host. That a host is missing is concluded, never reported."""

    IN_SERVICE = "in_service"
    UNHEALTHY = "unhealthy"
    OUT_OF_SERVICE = "out_of_service"


class GpuPart(_Part):
    """The GPUs of one host; ``memoryGib`` is for one GPU."""

    vendor: GpuVendor
    model: Label
    physical_count: Count
    logical_count: Count
    memory_gib: Count


class VmPart(_Part):
    """What customers who rent slices of a host are told of it; ``gpuRamMb`` is for one GPU."""

    gpu_type: Identifier
    gpu_ram_mb: Positive
    cpu_model: Label
    pcie_gen: Label


class FlavorPart(_Part):
    """The shape of a host."""

    id: Identifier
    cpus: Count
    memory_gib: Count
    disk_gb: Count
    gpu: GpuPart
    architecture: Architecture = Architecture.UNKNOWN
    """Of the processors; absent where it is not known."""
    instance_type: Identifier | None = None
    """Public name under which single hosts are sold; absent where they are not."""
    vm: VmPart | None = None
    """Present where hosts are rented in slices of their GPUs; absent where they are not."""


class OfferingPart(_Part):
    """What the region sells: one complete domain of a flavor per unit."""

    accelerator: Identifier
    unit: Identifier
    flavor_id: Identifier
    device_type_resource_class: Identifier
    hosts_per_unit: Annotated[StrictInt, Field(ge=1, le=HOSTS_PER_DOMAIN_MAX)]


class HostPart(_Part):
    """One machine in its slot."""

    slot: Annotated[StrictInt, Field(ge=0, lt=HOSTS_PER_DOMAIN_MAX)]
    id: Identifier
    name: Label | None = None
    resource_class: Identifier
    state: ReportedState


class DomainPart(_Part):
    """An NVLink domain at its position."""

    position: Annotated[StrictInt, Field(ge=0, lt=DOMAINS_PER_POD_MAX)]
    id: Identifier
    name: Label | None = None
    cordoned: StrictBool = False
    hosts: Annotated[list[HostPart], Field(min_length=1, max_length=HOSTS_PER_DOMAIN_MAX)]


class PodPart(_Part):
    """Domains within one network hop; all hosts have the same flavor."""

    id: Identifier
    flavor_id: Identifier
    domains: Annotated[list[DomainPart], Field(max_length=DOMAINS_PER_POD_MAX)]


class RegionPart(_Part):
    """A site. Without ``organizations`` everyone may see it."""

    id: Identifier
    # An empty list is refused: "nobody" and "everybody" must not be one slip apart.
    organizations: (
        Annotated[list[Identifier], Field(min_length=1, max_length=ORGANIZATIONS_PER_REGION_MAX)] | None
    ) = None
    offerings: Annotated[list[OfferingPart], Field(max_length=OFFERINGS_PER_REGION_MAX)]
    pods: Annotated[list[PodPart], Field(max_length=PODS_PER_REGION_MAX)]


class FleetDocument(_Part):
    """The whole fleet at one moment. ``sequence`` rises with every published document."""

    schema_version: Annotated[Literal[1], BeforeValidator(_whole)]
    sequence: Annotated[StrictInt, Field(ge=1, le=SEQUENCE_MAX)]
    observed_at: Instant
    flavors: Annotated[list[FlavorPart], Field(max_length=FLAVORS_MAX)]
    regions: Annotated[list[RegionPart], Field(max_length=REGIONS_MAX)]


def schema_text() -> str:
    """The JSON schema of the document, as it is published in ``docs/fleet-document.schema.json``."""
    schema: dict[str, Any] = FleetDocument.model_json_schema(by_alias=True)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"
