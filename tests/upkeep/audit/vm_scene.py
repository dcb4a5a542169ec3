"""The same service with VMs in every status, and the keys and accounts of their users."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.accounts.ssh_key import KeyRing, SshKey
from gpu_capacity.dynamodb import keys
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.schedule import watch_vm_nodes
from gpu_capacity.vms.stop import stop_vm
from testkit.vms import scene as nodes
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, ON_DEMAND, RESERVED
from testkit.world import INVENTORY, ORGANIZATION, World, caller
from tests.upkeep.audit.scene import Scene

if TYPE_CHECKING:
    from gpu_capacity.vms.record import RentalType, Vm

NODES: Final = 7
LOST: Final = 3


NODE_POD: Final = keys.owners(nodes.REGION, nodes.GPU5090.id, nodes.POD)


class VmScene(Scene):
    """Seven nodes beside the racks: vm01 to vm07.

    ====== ========================================================================================== vm01
    ``running`` (2 GPUs), ``stopped``, ``kept`` (stopped for a term, 4 GPUs), ``destroyed`` vm02 ``leaving``
    (8 GPUs, with notice) for ``next_vm`` (4 GPUs, has none yet) vm03 ``interrupted``, since ``preemptor``
    runs there (8 GPUs) vm04 ``offline`` (2 GPUs): the node is lost vm05 ``created``, ``starting``,
    ``stopping``, ``dying`` (each 1 GPU and a workflow at work) vm06 ``failed``: servers come up broken there
    vm07 free ======
    ==========================================================================================
    """

    def __init__(self) -> None:
        super().__init__()
        for name in self.world.workflows.executions:
            # The engine runs the workflows of VMs; those of the holders of racks do not run.
            self.world.workflows.end(name)
        self.nodes = nodes.Scene(world=self.world, count=NODES)
        self.running = self._rent("vm01", 2)
        self.stopped = self._rent("vm01", 1)
        self.kept = self._rent("vm01", 4, RESERVED)
        self.destroyed = self._rent("vm01", 1)
        for vm in (self.stopped, self.kept):
            stop_vm(self.world.services, caller(), vm.id, ACCOUNT)
        destroy_vm(self.world.services, caller(), self.destroyed.id, ACCOUNT)
        self.interrupted = self._rent("vm03", 8, INTERRUPTIBLE)
        self.new_vm = self._rent("vm03", 8)
        self.offline = self._rent("vm04", 2)
        self.nodes.lose(LOST)
        watch_vm_nodes(self.world.services)
        self.failed = self._rent("vm06", 8)
        self.dying, self.stopping = self._rent("vm05", 1), self._rent("vm05", 1)
        self.leaving = self._rent("vm02", 8, INTERRUPTIBLE)
        # From here on no workflow is run to its end.
        self.next_vm = self.nodes.create(4, node="vm02")
        destroy_vm(self.world.services, caller(), self.dying.id, ACCOUNT)
        stop_vm(self.world.services, caller(), self.stopping.id, ACCOUNT)
        self.starting, self.created = (self.nodes.create(1, node="vm05") for _ in range(2))
        self._begin(self.starting)
        self._accounts()

    def twin(self) -> Self:
        """Another scene in the same state; no execution is under way in it."""
        twin = copy(self)
        twin.nodes = self.nodes.twin()
        twin.world, twin.db = twin.nodes.world, twin.nodes.world.db
        return twin

    def _rent(self, node: str, count: int, rental: RentalType = ON_DEMAND) -> Vm:
        vm = self.nodes.create(count, rental, node=node)
        self.nodes.engine.settle()
        return vm

    def _begin(self, vm: Vm) -> None:
        """Run its workflow until its server is coming up."""
        while self.vm(vm).status is not VmStatus.STARTING or not self.has_server(vm):
            name = next(name for name in self.nodes.engine.awake() if name.startswith(vm.id))
            self.nodes.engine.step(name)

    def _accounts(self) -> None:
        services = self.world.services
        book = ApiKeyIssuer(services.accounts, services.clock, services.ids, self.world.telemetry, "operator")
        self.key, self.revoked = (book.create(ACCOUNT, [Scope.READ_WRITE])[1] for _ in range(2))
        book.revoke(ORGANIZATION, self.revoked.id)
        key = SshKey("key-1", "laptop", "ssh-ed25519 AAAA", "SHA256:x", 1)
        services.accounts.change_key_ring(ACCOUNT, KeyRing(), KeyRing().with_key(key))

    def _world(self) -> World:
        small = super()._world()
        return World(
            pods=(*small.pods, nodes.nodes(NODES)),
            regions=(*small.regions, nodes.SITE),
            behaviour=SimulatedBehaviour(ready_seconds=5, failing_hosts=frozenset({"host-vm06"})),
        )

    def vm(self, vm: Vm) -> Vm:
        """A VM as it is now."""
        return self.nodes.now(vm)

    def has_server(self, vm: Vm) -> bool:
        return self.world.services.vm_provider.server(self.vm(vm).server_owner) is not None

    def owners(self, position: int) -> dict[str, int]:
        """Who owns which GPUs of a node."""
        return self.nodes.owners(position)

    def own(self, position: int, owners: Any) -> None:
        """Set the owner of a node by hand."""
        self.set(INVENTORY, NODE_POD, **{f"d{position}": owners or None})
