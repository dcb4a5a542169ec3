"""Who has some of the hosts that something is about: the impact of a maintenance, who is left in a drain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound
from gpu_capacity.inventory.cordons import Cause, Target
from gpu_capacity.inventory.maintenances import hosts_of
from gpu_capacity.operations.kinds import records_of
from gpu_capacity.operations.parts import parts_of
from gpu_capacity.reservations.record import Reservation
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from gpu_capacity.holders.roles import HasFleet, HasInventory
    from gpu_capacity.inventory.cordons import Cordon
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.operations.find_holders import HasHeld
    from gpu_capacity.operations.kinds import HasRecords, Record

    class Needs(HasFleet, HasHeld, HasInventory, HasRecords, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A holder that has some of the hosts, in order. ``until``: when its term ends, if it has one."""

    record: Record
    hosts: tuple[str, ...]
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """All hosts that something is about, and who has some of them, the oldest holder first."""

    hosts: int
    tenants: tuple[Tenant, ...]

    @property
    def free_hosts(self) -> int:
        """How many of the hosts nobody has."""
        return self.hosts - len({host for tenant in self.tenants for host in tenant.hosts})


@dataclass(frozen=True, slots=True)
class Drain:
    """A pod that is to be empty. ``cordon`` keeps new holders off; ``None`` if nothing does."""

    pod_id: str
    cordon: Cordon | None
    impact: Impact


def impact_of(services: Needs, region_id: str, targets: Iterable[Target]) -> Impact:
    """Who has some of the hosts of these targets now. A holder may show up a moment after it was made."""
    wanted = tuple(targets)
    slots = {
        (pod.id, position, host.slot): host.id
        for pod in services.inventory.pods_of(region_id)
        for position, host in hosts_of(wanted, pod)
    }
    tenants = []
    for record in records_of(services, services.held.entries([region_id])):
        mine = {
            (part.pod_id, part.position): -1 if part.hosts is None else part.hosts
            for part in parts_of(record)
            if part.region_id == region_id and (not isinstance(record, Vm) or part.gpus)
        }
        hosts = tuple(
            host
            for (pod_id, position, slot), host in slots.items()
            if mine.get((pod_id, position), 0) >> slot & 1
        )
        if hosts:
            tenants.append(Tenant(record, hosts, record.reserved_until if isinstance(record, Vm) else None))
    return Impact(len(slots), tuple(tenants))


def allowed_at(maintenance: Maintenance | None, record: Record) -> int | None:
    """When the owner of a record allowed a maintenance; ``None`` if not."""
    if maintenance is None or not isinstance(record, Reservation):
        return None
    permit = maintenance.permit_of(record.organization_id, record.id, record.life)
    return None if permit is None else permit.at


def drain_of(services: Needs, region_id: str, pod_id: str) -> Drain:
    """Who is still in a pod, and whether an operator keeps new holders off.

    Raises:
        NotFound: the region does not have the pod.
    """
    if (region_id, pod_id) not in services.inventory.pods({(region_id, pod_id)}):
        raise NotFound("the region does not have the pod")
    target = Target(pod_id=pod_id)
    cordons = services.fleet.cordons(region_id)
    cordon = cordons.of(target, Cause.CORDON) or cordons.of(Target(), Cause.CORDON)
    return Drain(pod_id, cordon, impact_of(services, region_id, (target,)))
