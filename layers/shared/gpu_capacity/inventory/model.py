"""The fleet as immutable values. Ownership is not part of them.

A *pod* has *domains* at fixed positions, a domain has *hosts* in fixed slots. Positions and slots are
permanent, because ownership is recorded by position and slot. So a host stays in its place while it is owned,
and may move only when it is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DOMAINS_PER_POD_MAX = 1000
"""The ownership of a pod is one item, and positions have at most three digits in condition expressions."""

HOSTS_PER_DOMAIN_MAX = 64
"""NVL72 has 18 hosts. The widest published NVLink domains have fewer than 64."""


class Architecture(StrEnum):
    """Processor architectures as the reservations API names them."""

    UNKNOWN = "UNKNOWN"
    X86_64 = "x86_64"
    AARCH64 = "aarch64"


class GpuVendor(StrEnum):
    """Vendors as the reservations API names them."""

    UNKNOWN = "UNKNOWN"
    NVIDIA = "NVIDIA"
    AMD = "AMD"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPUs of one host. ``memory_gib`` is for one GPU."""

    vendor: GpuVendor
    model: str
    physical_count: int
    logical_count: int
    memory_gib: int


@dataclass(frozen=True, slots=True)
class VmShape:
    """What the VM API shows of a host that is rented in slices.

    ``gpu_type`` is the name in the price list (``5090``); ``gpu_ram_mb`` is in megabytes for one GPU.
    """

    gpu_type: str
    gpu_ram_mb: int
    cpu_model: str
    pcie_gen: str


@dataclass(frozen=True, slots=True)
class Flavor:
    """The hardware of a host; all hosts of a pod have the same flavor.

    ``instance_type`` is the public name under which single hosts are sold; ``None`` if they are not. ``vm``
    describes hosts that are rented in slices; ``None`` if they are not.
    """

    id: str
    cpus: int
    memory_gib: int
    disk_gb: int
    gpu: Gpu
    instance_type: str | None = None
    vm: VmShape | None = None
    architecture: Architecture = Architecture.UNKNOWN


@dataclass(frozen=True, slots=True)
class Offering:
    """What a region sells to reservations. A unit is one complete domain of the flavor."""

    region_id: str
    accelerator: str
    unit: str
    flavor: Flavor
    device_type_resource_class: str
    hosts_per_unit: int


@dataclass(frozen=True, slots=True)
class Region:
    """A site: what it offers, and which organizations may see it.

    ``organizations`` is empty if all may. ``observed_at`` is the time, in seconds since the epoch, at which
    the fleet manager last observed this region. ``instance_types`` has (instance type, flavor id) for the
    flavors of the region's pods, ``vm_flavors`` the flavors among them whose hosts are rented in slices, in
    id order. A ``withdrawn`` region is no longer in the fleet document: existing holders can still read it,
    and nothing in it is offered.
    """

    id: str
    organizations: frozenset[str]
    offerings: tuple[Offering, ...]
    observed_at: int
    instance_types: tuple[tuple[str, str], ...] = ()
    vm_flavors: tuple[Flavor, ...] = ()
    withdrawn: bool = False

    def is_visible_to(self, organizations: frozenset[str]) -> bool:
        """Whether a caller of these organizations can create something new in the region."""
        if self.withdrawn:
            return False
        return not self.organizations or not self.organizations.isdisjoint(organizations)

    @property
    def sold_as_instances(self) -> tuple[str, ...]:
        """The instance types that the region sells, in alphabetical order."""
        return () if self.withdrawn else tuple(sorted({name for name, _ in self.instance_types}))

    @property
    def offered(self) -> tuple[Offering, ...]:
        """The offerings that new holders can have, in order of accelerator and unit."""
        if self.withdrawn:
            return ()
        return tuple(sorted(self.offerings, key=lambda o: (o.accelerator, o.unit)))

    @property
    def rented_in_slices(self) -> tuple[Flavor, ...]:
        """The flavors of the region whose hosts are rented in slices."""
        return () if self.withdrawn else self.vm_flavors

    def flavors_of(self, instance_type: str) -> tuple[str, ...]:
        """The ids of the flavors that the region sells as an instance type."""
        if self.withdrawn:
            return ()
        return tuple(flavor_id for name, flavor_id in self.instance_types if name == instance_type)

    def flavor(self, flavor_id: str) -> Flavor | None:
        """A flavor of the region, also of a withdrawn one; ``None`` if the region does not have it."""
        known = (*(offering.flavor for offering in self.offerings), *self.vm_flavors)
        return next((flavor for flavor in known if flavor.id == flavor_id), None)

    def instance_type_like(self, wanted: str) -> str | None:
        """The region's instance type with this name, regardless of case; an exact match has precedence."""
        names = [name for name, _ in self.instance_types]
        if wanted in names:
            return wanted
        return next((name for name in names if name.casefold() == wanted.casefold()), None)

    def offering(self, accelerator: str, unit: str) -> Offering | None:
        """The offering of this accelerator and unit; ``None`` if the region does not have it."""
        return next((o for o in self.offered if o.accelerator == accelerator and o.unit == unit), None)


class HostState(StrEnum):
    """The state of a host as reported by the fleet manager. The sync sets ``MISSING`` if none is reported."""

    IN_SERVICE = "in_service"
    UNHEALTHY = "unhealthy"
    OUT_OF_SERVICE = "out_of_service"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Host:
    """One machine in its slot of a domain."""

    slot: int
    id: str
    name: str
    resource_class: str
    state: HostState


@dataclass(frozen=True, slots=True)
class Domain:
    """An NVLink domain at its position in the pod. A cordoned one takes no new holder."""

    position: int
    id: str
    name: str
    cordoned: bool
    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """Domains within one network hop, in position order.

    ``version`` rises with every change of topology or usability. A write that takes domains is refused if it
    was decided on another version.
    """

    region_id: str
    id: str
    flavor_id: str
    version: int
    domains: tuple[Domain, ...]

    def between(self, start: int, count: int) -> tuple[Domain, ...]:
        """The existing domains at positions ``start`` to ``start + count - 1``."""
        return tuple(d for d in self.domains if start <= d.position < start + count)


@dataclass(frozen=True, slots=True)
class DomainShape:
    """What placement and readers need of a domain.

    ``hosts`` is the number of known slots. Bit ``i`` of ``usable`` is set if the host in slot ``i`` is
    present, in service and of the expected device type resource class. ``complete``: see ``units``.
    ``in_service`` is the number of hosts in service, of any class, without those in quarantine. ``identity``
    is a digest of the domain's hardware (see ``identity_of``), empty if an earlier version wrote the shape.
    """

    position: int
    hosts: int
    usable: int
    complete: bool
    cordoned: bool
    in_service: int = 0
    identity: bytes = b""


@dataclass(frozen=True, slots=True)
class PodShape:
    """What placement needs of a pod. Small, and cached by version.

    ``maintained``: a maintenance is about something in the pod.
    """

    region_id: str
    pod_id: str
    flavor_id: str
    version: int
    domains: tuple[DomainShape, ...]
    maintained: bool = False

    def between(self, start: int, count: int) -> tuple[DomainShape, ...]:
        """The existing domains at positions ``start`` to ``start + count - 1``."""
        return tuple(d for d in self.domains if start <= d.position < start + count)
