"""Offerings and their hosts as the reservations API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, Field

from gpu_capacity.http.rendering import as_json
from gpu_capacity.inventory.model import Architecture, Flavor, Gpu, GpuVendor
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Offering
    from gpu_capacity.inventory.snapshot import UnitCounts

_NOT_KNOWN: Final = Flavor("", 0, 0, 0, Gpu(GpuVendor.UNKNOWN, "", 0, 0, 0))


class GpuRead(Body):
    """GPUs of one host; memory in GiB for one GPU."""

    model_config = ConfigDict(title="reservationUnitGpuV2")

    vendor: GpuVendor
    model: str
    physical_count: int = Field(ge=0)
    logical_count: int = Field(ge=0)
    memory: int = Field(ge=0)


class HostRead(Body):
    """One host of a unit; memory in GiB, disk in GB."""

    model_config = ConfigDict(title="reservationUnitHostV2")

    cpus: int = Field(ge=0)
    memory: int = Field(ge=0)
    disk: int = Field(ge=0)
    gpu: GpuRead
    architecture: Architecture


class ReservationUnitRead(Body):
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


def host_read(flavor: Flavor | None) -> HostRead:
    """A host of a flavor. The contract requires a host; if the flavor is not known, it says so by zeros."""
    known = flavor or _NOT_KNOWN
    return HostRead.model_construct(
        cpus=known.cpus,
        memory=known.memory_gib,
        disk=known.disk_gb,
        gpu=GpuRead.model_construct(
            vendor=known.gpu.vendor,
            model=known.gpu.model,
            physical_count=known.gpu.physical_count,
            logical_count=known.gpu.logical_count,
            memory=known.gpu.memory_gib,
        ),
        architecture=known.architecture,
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
            host=host_read(flavor),
            available_unit_count=counts.available,
            largest_contiguous_unit_count=counts.largest_run,
            total_count=counts.total,
        )
    )
