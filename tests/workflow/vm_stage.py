"""A node of eight GPUs whose VMs' workflows run, and the invariants at any time and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.items import decode_vm
from gpu_capacity.vms.record import TRANSITIONS, RentalType, Vm, VmStatus
from gpu_capacity.vms.schedule import restart_vms
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.items import owned_in_part
from testkit.vms.scene import ACCOUNT, GPU5090, ON_DEMAND, POD, REGION, Scene
from testkit.world import HOLDERS, INVENTORY, SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.upkeep.reconcile import ReconcileReport
    from testkit.state_machine import Execution

SCHEDULE_SECONDS = 60
SETTLE_ROUNDS_MAX = 60
READY_SECONDS, DELETE_SECONDS = 8, 3
NODE_GPUS = 0xFF


class VmStage(Scene):
    """One node; every step is watched. VMs are identified by their order of creation."""

    def __init__(self, **behaviour: Any) -> None:
        super().__init__(count=1)
        self.behave(**behaviour)
        self.engine.watch = self.check_safety
        self._seen: dict[str, VmStatus] = {}

    def twin(self) -> Self:
        """Return a stage in the same state; executions that have not ended begin anew in it."""
        twin = super().twin()
        twin.engine.watch = twin.check_safety
        twin._seen = dict(self._seen)
        return twin

    def behave(self, **behaviour: Any) -> None:
        """Set the behaviour of the simulated region."""
        defaults = {"ready_seconds": READY_SECONDS, "delete_seconds": DELETE_SECONDS}
        self.world.behaviour = SimulatedBehaviour(**(defaults | behaviour))
        self.services = self.world.services = self.world.environment()

    # Requests of customers, and schedules.

    def rent(self, count: int, rental: RentalType = ON_DEMAND) -> Vm:
        """Rent; the execution is before its first step."""
        vm = self.create(count, rental)
        self.made.append(vm)
        return vm

    def rent_and_run(self, count: int, rental: RentalType = ON_DEMAND) -> Vm:
        vm = self.rent(count, rental)
        self.engine.settle()
        assert self.now(vm).status is VmStatus.RUNNING
        return vm

    def stop(self, vm: Vm) -> None:
        stop_vm(self.services, self.caller, vm.id, ACCOUNT)

    def start(self, vm: Vm) -> None:
        start_vm(self.services, self.caller, vm.id, ACCOUNT)

    def destroy(self, vm: Vm) -> None:
        destroy_vm(self.services, self.caller, vm.id, ACCOUNT)

    def reconcile(self, *, after_seconds: int = 0) -> ReconcileReport:
        self.world.clock.advance(after_seconds)
        return reconcile(self.services)

    def restart(self) -> int:
        """The schedule's minute: interrupted VMs are started where there is room."""
        return restart_vms(self.services)

    # Running.

    def executions(self, vm: Vm, machine: str) -> list[Execution]:
        """A VM's executions of a machine, in the order in which they were started."""
        self.engine.awake()
        started = self.world.workflows.executions.items()
        names = [n for n, given in started if (given.get("vm"), given["machine"]) == (vm.id, machine)]
        return [self.engine.executions.get(name) or self.engine.ended[name] for name in names]

    def kill_all(self) -> None:
        """All executions die where they are; a running step becomes a ghost."""
        self.engine.awake()
        for name in list(self.engine.executions):
            self.engine.kill(name)

    def next_execution(self) -> str:
        """The one whose turn it is."""
        return self.engine.awake()[0]

    def until_step(self, number: int) -> None:
        """Continue until so many steps have been called; the next one is about to be."""
        while len(self.engine.calls) < number or not self._stands_before_a_step():
            assert self.engine.go_on(), f"only {len(self.engine.calls)} steps"

    def _stands_before_a_step(self) -> bool:
        awake = self.engine.awake()
        return bool(awake) and self.engine.executions[awake[0]].wakes_at is None

    def settle(self) -> int:
        """Run, and let the schedule restart what ended too early; return how many restarts that took."""
        restarted = 0
        self.engine.settle()
        for _ in range(SETTLE_ROUNDS_MAX):
            if all(vm.workflow is None for vm in self.records()):
                return restarted
            restarted += self.reconcile(after_seconds=SCHEDULE_SECONDS).restarted
            self.engine.settle()
        raise AssertionError(f"not settled: {self.statuses()}")

    def live_through(self) -> None:
        """As ``settle``, with the schedules in step with the executions, until nothing can be restarted."""
        for _ in range(20 * SETTLE_ROUNDS_MAX):
            self.engine.run()
            settled = not self.engine.executions and all(vm.workflow is None for vm in self.records())
            if settled and not self.restart():
                return
            self.world.clock.advance(5)
            if self.world.clock.now() % SCHEDULE_SECONDS < 5:
                self.reconcile()
                self.restart()
        raise AssertionError(f"not settled: {self.statuses()}")

    # Reads that bypass the client, so that its faults affect the product alone.

    def records(self) -> list[Vm]:
        items = map(decode, self.world.db.table(HOLDERS).items())
        return [decode_vm(item) for item in items if item["sk"].startswith(keys.VM_PREFIX)]

    def statuses(self) -> list[VmStatus]:
        """The statuses of the VMs in order of creation."""
        by_id = {vm.id: vm.status for vm in self.records()}
        return [by_id[vm.id] for vm in self.made]

    def owned(self) -> dict[str, int]:
        """Who owns which GPUs of the node, by the node."""
        key = keys.owners(REGION, GPU5090.id, POD)
        item = self.world.db.table(INVENTORY).get((key["pk"]["S"], key["sk"]["S"])) or {}
        return owned_in_part(item).get(0, {})

    def live_servers(self) -> dict[str, int]:
        """GPUs of every server, by its owner, read from the table."""
        prefix = server_keys.vm_server("")["pk"]["S"]
        return {
            item["pk"].removeprefix(prefix): int(item["gpus"])
            for item in map(decode, self.world.db.table(SERVERS).items())
            if item["pk"].startswith(prefix)
            and item["sk"] == server_keys.vm_server("")["sk"]["S"]
            and not ("gone_at" in item and self.world.clock.now() >= item["gone_at"])
        }

    def disks(self) -> set[str]:
        prefix = server_keys.vm_disk("")["pk"]["S"]
        items = map(decode, self.world.db.table(SERVERS).items())
        return {item["pk"].removeprefix(prefix) for item in items if item["pk"].startswith(prefix)}

    # Invariants.

    def check_safety(self) -> None:
        """At any time: node, records and servers agree, and statuses changed along the table."""
        assert self.audit() == []
        servers = self.live_servers()
        assert self.owned() or not servers, f"a node that may be sold whole has servers: {servers}"
        for vm in self.records():
            before = self._seen.get(vm.id, VmStatus.CREATING)
            assert vm.status in _within_two_moves(before), f"from {before} to {vm.status}"
            self._seen[vm.id] = vm.status

    def check_settled(self) -> None:
        """At the end: servers, GPUs, disks and marks are exactly what the statuses say."""
        self.check_safety()
        assert self.audit(at_rest=True) == []
        assert list(self.services.vms.unsettled(self.world.clock.now())) == []
        assert not self.engine.executions


def _within_two_moves(status: VmStatus) -> Iterator[VmStatus]:
    """The statuses possible at the next read: another operation may have changed it twice within one step."""
    yield status
    for after in TRANSITIONS[status]:
        yield after
        yield from TRANSITIONS[after]
