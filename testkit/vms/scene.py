"""A world with VM nodes, and short functions for operations in it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any, Self

from gpu_capacity.accounts.account import Account
from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.model import (
    Architecture,
    Domain,
    Flavor,
    Gpu,
    GpuVendor,
    Host,
    HostState,
    Offering,
    Pod,
    Region,
    VmShape,
)
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.record import AuthMethod, Login, RentalType, Vm, VmStatus
from gpu_capacity.vms.request import VmRequest
from testkit.auditor import audit
from testkit.items import owned_in_part
from testkit.vms.machine import Engine
from testkit.world import INVENTORY, ORGANIZATION, World, caller

REGION = "no-osl-1"
POD = "pod-vm"
ACCOUNT = Account(ORGANIZATION, "user-1")
GPU5090 = Flavor(
    id="n.8.5090",
    cpus=128,
    memory_gib=1024,
    disk_gb=15_000,
    gpu=Gpu(GpuVendor.NVIDIA, "RTX 5090", physical_count=8, logical_count=8, memory_gib=32),
    instance_type="5090-8x",
    vm=VmShape("5090", 32_768, "EPYC 9554", "5.0"),
    architecture=Architecture.X86_64,
)
NODE_OFFERING = Offering(REGION, "5090", "NODE", GPU5090, "5090_HOST", 1)
SITE = Region(
    REGION,
    frozenset(),
    (NODE_OFFERING,),
    observed_at=1_779_999_000,
    instance_types=(("5090-8x", GPU5090.id),),
    vm_flavors=(GPU5090,),
)
ON_DEMAND, RESERVED, INTERRUPTIBLE = RentalType.ON_DEMAND, RentalType.RESERVED, RentalType.INTERRUPTIBLE


def node_domain(position: int, state: HostState = HostState.IN_SERVICE) -> Domain:
    name = f"vm{position + 1:02}"
    host = Host(0, f"host-{name}", name, "5090_HOST", state)
    return Domain(position, f"domain-{name}", name, cordoned=False, hosts=(host,))


def nodes(count: int = 2, *, version: int = 1, lost: tuple[int, ...] = ()) -> Pod:
    domains = tuple(
        node_domain(p, HostState.MISSING if p in lost else HostState.IN_SERVICE) for p in range(count)
    )
    return Pod(REGION, POD, GPU5090.id, version, domains)


class Scene:
    """Two nodes of eight GPUs, and an engine that runs the started executions."""

    def __init__(self, *, twice: bool = False, count: int = 2, world: World | None = None) -> None:
        self.world = world or World(pods=(nodes(count),), regions=(SITE,), trusting=True)
        self._count = count
        self.engine = Engine(self.world, twice=twice)
        self.services = self.world.services
        self.caller = caller()
        self.made: list[Vm] = []
        self._version = 1

    def twin(self) -> Self:
        """Return a scene in the same state; executions that have not ended begin anew in it."""
        twin = copy(self)
        twin.world = self.world.twin()
        twin.engine = self.engine.twin(twin.world)
        twin.services = twin.world.services
        twin.made = list(self.made)
        return twin

    def request(self, count: int = 1, rental: RentalType = ON_DEMAND, **changes: Any) -> VmRequest:
        base = VmRequest(
            node="vm01",
            gpu_type="5090",
            gpu_count=count,
            storage_gb=100,
            template_vmid=101,
            rental_type=rental,
            reservation_months=1 if rental is RESERVED else None,
            login=Login(AuthMethod.SSH_KEY, "key-1", "ssh-ed25519 AAAA"),
        )
        return replace(base, **changes)

    def create(self, count: int = 1, rental: RentalType = ON_DEMAND, **changes: Any) -> Vm:
        vm = create_vm(self.services, self.caller, self.request(count, rental, **changes), ACCOUNT)
        self.world.clock.advance(1)
        return vm

    def running(self, count: int = 1, rental: RentalType = ON_DEMAND, **changes: Any) -> Vm:
        vm = self.create(count, rental, **changes)
        self.engine.settle()
        vm = self.now(vm)
        assert vm.status is VmStatus.RUNNING
        return vm

    def now(self, vm: Vm) -> Vm:
        found = self.services.vms.get(*vm.key)
        assert found is not None
        return found

    def status(self, vm: Vm) -> str:
        return self.now(vm).status.value

    def lose(self, *positions: int) -> None:
        self._version += 1
        self.world.load((nodes(self._count, version=self._version, lost=positions),))
        self.world.clock.advance(61)

    def owners(self, position: int = 0) -> dict[str, int]:
        """Return the owners of a node's GPUs by tag, read from the table."""
        key = keys.owners(REGION, GPU5090.id, POD)
        item = self.world.db.get_item(TableName=INVENTORY, Key=key)["Item"]
        return owned_in_part(item).get(position, {})

    def vms(self) -> list[Vm]:
        found = self.services.vms.of_organization(ORGANIZATION)
        return sorted(found, key=lambda vm: vm.age, reverse=True)

    def audit(self, *, at_rest: bool = False) -> list[str]:
        """Return the auditor's violations."""
        return audit(self.world.db, now=self.world.clock.now(), at_rest=at_rest)
