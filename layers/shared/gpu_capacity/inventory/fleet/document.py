"""The fleet document as the fleet manager writes it: JSON, version 1 of its schema.

These models define the values of single fields. ``parsing`` checks what several fields must agree on, such as
unique ids and known flavors. ``acceptance`` checks the document against the stored inventory.

Unknown fields are refused, so that a misspelt ``cordoned`` is not read as "in use".
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
"""Limit for the published document, which may be gzip. It is parsed in memory, so its size is limited."""

UNPACKED_BYTES_MAX: Final = 48 * 1024 * 1024
"""Limit for the decompressed document if it is published as gzip: about 300,000 hosts."""

FLAVORS_MAX: Final = 256
REGIONS_MAX: Final = 64
OFFERINGS_PER_REGION_MAX: Final = 64
ORGANIZATIONS_PER_REGION_MAX: Final = 1000
PODS_PER_REGION_MAX: Final = 4096

SEQUENCE_MAX: Final = 2**53 - 1  # the largest integer that every JSON parser represents exactly
_COUNT_MAX: Final = 2**31 - 1
OBSERVED_AT_MIN: Final = int(parse_rfc3339("2000-01-01T00:00:00Z"))
"""An earlier time means that the fleet manager's clock was never set."""

# Identifiers become parts of keys, so they contain no separator ('#') and no white space.
IDENTIFIER: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
LABEL: Final = r"^[^\x00-\x1f\x7f]*$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL)]
Count = Annotated[StrictInt, Field(ge=0, le=_COUNT_MAX)]
Positive = Annotated[StrictInt, Field(ge=1, le=_COUNT_MAX)]


def _whole(value: object) -> object:
    """Require an integer, because in Python ``True`` and ``1.0`` equal 1."""
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _whole_seconds(value: object) -> int:
    """Parse a date-time with an offset into seconds since the epoch. Fractions are rounded down."""
    if not isinstance(value, str):
        raise ValueError("not an RFC 3339 date-time with an offset")  # noqa: TRY004 - for pydantic
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
    """The states of a host in a document. ``missing`` is never reported: the sync sets it by itself."""

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
    """What the VM API shows of a host that is rented in slices; ``gpuRamMb`` is for one GPU."""

    gpu_type: Identifier
    gpu_ram_mb: Positive
    cpu_model: Label
    pcie_gen: Label


class FlavorPart(_Part):
    """The hardware of a host."""

    id: Identifier
    cpus: Count
    memory_gib: Count
    disk_gb: Count
    gpu: GpuPart
    architecture: Architecture = Architecture.UNKNOWN
    """Architecture of the processors; absent if it is not known."""
    instance_type: Identifier | None = None
    """Public name under which single hosts are sold; absent if they are not."""
    vm: VmPart | None = None
    """Present if hosts are rented in slices of their GPUs; absent if they are not."""


class OfferingPart(_Part):
    """What the region sells to reservations. A unit is one complete domain of the flavor."""

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
    repaired_at: Instant | None = None
    """When the host was last repaired: that lifts an older quarantine."""


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


class CatalogueRegion(_Part):
    """A site, and what is sold there. Without ``organizations`` everyone may see it."""

    id: Identifier
    # An empty list is refused, so that "no organization" and "all organizations" cannot be confused.
    organizations: (
        Annotated[list[Identifier], Field(min_length=1, max_length=ORGANIZATIONS_PER_REGION_MAX)] | None
    ) = None
    offerings: Annotated[list[OfferingPart], Field(max_length=OFFERINGS_PER_REGION_MAX)]


class RegionPart(CatalogueRegion):
    """A site. Without ``organizations`` everyone may see it."""

    pods: Annotated[list[PodPart], Field(max_length=PODS_PER_REGION_MAX)]


class Catalogue(_Part):
    """A fleet document without the fleet: for sources that list machines."""

    schema_version: Annotated[Literal[1], BeforeValidator(_whole)]
    flavors: Annotated[list[FlavorPart], Field(max_length=FLAVORS_MAX)]
    regions: Annotated[list[CatalogueRegion], Field(max_length=REGIONS_MAX)]


class FleetDocument(_Part):
    """The whole fleet at one moment. ``sequence`` rises with every published document."""

    schema_version: Annotated[Literal[1], BeforeValidator(_whole)]
    sequence: Annotated[StrictInt, Field(ge=1, le=SEQUENCE_MAX)]
    observed_at: Instant
    flavors: Annotated[list[FlavorPart], Field(max_length=FLAVORS_MAX)]
    regions: Annotated[list[RegionPart], Field(max_length=REGIONS_MAX)]


def schema_text() -> str:
    """The JSON schema of the document, as published in ``docs/fleet-document.schema.json``."""
    schema: dict[str, Any] = FleetDocument.model_json_schema(by_alias=True)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"
