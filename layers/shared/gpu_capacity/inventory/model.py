"""Nouns of the fleet. All are immutable values; who owns what is not told here.

A *pod* holds *domains* at fixed positions, a domain holds *hosts* in fixed slots. Positions and slots
are permanent: ownership is recorded against them, so a host stays where it is held and moves when it is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DOMAINS_PER_POD_MAX = 1000
"""A pod is one ownership item, and its positions have at most three digits in condition expressions."""

HOSTS_PER_DOMAIN_MAX = 64
"""NVL72 has 18, the widest published NVLink domains have fewer than 64 hosts."""


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
    """What customers who rent slices of a host are told of it.

    ``gpu_type`` is the word of the price list (``5090``); ``gpu_ram_mb`` is in megabytes for one GPU.
    """

    gpu_type: str
    gpu_ram_mb: int
    cpu_model: str
    pcie_gen: str


@dataclass(frozen=True, slots=True)
class Flavor:
    """The shape of a host; every host of a pod has the same one.

    ``instance_type`` is the public name under which single hosts are sold, ``vm`` what is told of slices of
    them; each is ``None`` where they are not sold so.
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
    """What is sold in a region: one complete domain of a flavor per unit."""

    region_id: str
    accelerator: str
    unit: str
    flavor: Flavor
    device_type_resource_class: str
    hosts_per_unit: int


@dataclass(frozen=True, slots=True)
class Region:
    """A site: what it offers, and who may see it.

    ``organizations`` is empty where everyone may. ``observed_at`` is in seconds since the epoch: when the
    fleet manager last looked at this region. ``instance_types`` are (instance type, flavor id) of the
    flavors that pods of the region have, ``vm_flavors`` those of them whose hosts are rented in slices, in
    id order. A ``withdrawn`` region has left the fleet document: it is read by its holders and offered to
    nobody.
    """

    id: str
    organizations: frozenset[str]
    offerings: tuple[Offering, ...]
    observed_at: int
    instance_types: tuple[tuple[str, str], ...] = ()
    vm_flavors: tuple[Flavor, ...] = ()
    withdrawn: bool = False

    def is_visible_to(self, organizations: frozenset[str]) -> bool:
        """Whether the region exists for a caller of these organizations who wants something new there."""
        if self.withdrawn:
            return False
        return not self.organizations or not self.organizations.isdisjoint(organizations)

    @property
    def sold_as_instances(self) -> tuple[str, ...]:
        """The instance types that are sold here, in alphabetical order."""
        return () if self.withdrawn else tuple(sorted({name for name, _ in self.instance_types}))

    @property
    def offered(self) -> tuple[Offering, ...]:
        """The offerings that somebody new can have, by accelerator and unit."""
        if self.withdrawn:
            return ()
        return tuple(sorted(self.offerings, key=lambda o: (o.accelerator, o.unit)))

    @property
    def rented_in_slices(self) -> tuple[Flavor, ...]:
        """The flavors whose hosts are rented in slices here."""
        return () if self.withdrawn else self.vm_flavors

    def flavors_of(self, instance_type: str) -> tuple[str, ...]:
        """The flavors that are sold as an instance type here."""
        if self.withdrawn:
            return ()
        return tuple(flavor_id for name, flavor_id in self.instance_types if name == instance_type)

    def instance_type_like(self, wanted: str) -> str | None:
        """The instance type that is sold here under this name in any case, the exact one first."""
        names = [name for name, _ in self.instance_types]
        if wanted in names:
            return wanted
        return next((name for name in names if name.casefold() == wanted.casefold()), None)

    def offering(self, accelerator: str, unit: str) -> Offering | None:
        """The offering of that accelerator and unit, if the region has it."""
        return next((o for o in self.offered if o.accelerator == accelerator and o.unit == unit), None)


class HostState(StrEnum):
    """What the fleet manager says of a host; ``MISSING`` is said by the sync when it says nothing."""

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
    """An NVLink domain at its position in the pod. A cordoned one takes nobody new."""

    position: int
    id: str
    name: str
    cordoned: bool
    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """Domains within one network hop, in position order.

    ``version`` rises with every change of topology or usability; a claim that was decided on another
    version is refused.
    """

    region_id: str
    id: str
    flavor_id: str
    version: int
    domains: tuple[Domain, ...]

    def between(self, start: int, count: int) -> tuple[Domain, ...]:
        """The domains at positions ``start`` to ``start + count - 1`` that the topology knows."""
        return tuple(d for d in self.domains if start <= d.position < start + count)


@dataclass(frozen=True, slots=True)
class DomainShape:
    """What placement and readers need to know of a domain.

    ``hosts`` counts the known slots; bit ``i`` of ``usable`` is set when the host in slot ``i`` is present,
    in service and of the expected device type resource class. ``complete`` is the offering's definition.
    ``in_service`` counts the hosts that are, of whatever class. ``identity`` is a digest of which hardware it
    is, see ``identity_of``; empty where it was written before shapes had one.
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
    """What placement needs to know of a pod: small, and cached by version."""

    region_id: str
    pod_id: str
    flavor_id: str
    version: int
    domains: tuple[DomainShape, ...]

    def between(self, start: int, count: int) -> tuple[DomainShape, ...]:
        """The domains at positions ``start`` to ``start + count - 1`` that the topology knows."""
        return tuple(d for d in self.domains if start <= d.position < start + count)
