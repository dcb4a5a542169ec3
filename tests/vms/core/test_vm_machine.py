"""Requests, workflow steps, schedules and faults in any order, against what must always hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gpu_capacity.errors import ActionRefused
from gpu_capacity.holders.vm import TRANSITIONS, Vm, VmStatus
from gpu_capacity.services.reconcile import reconcile
from gpu_capacity.services.vm_schedule import end_vm_terms, restart_vms, watch_vm_nodes
from gpu_capacity.services.vms import destroy_vm, start_vm, stop_vm
from tests.support.world import ORGANIZATION, SERVERS
from tests.vms.core.scene import ACCOUNT, INTERRUPTIBLE, ON_DEMAND, RESERVED, Scene

if TYPE_CHECKING:
    from gpu_capacity.holders.vm import RentalType

NODES = ("vm01", "vm02")
NUMBERS = st.integers(min_value=0, max_value=999)


def slices(size: int) -> list[set[int]]:
    return [set(range(start, start + size)) for start in range(0, 8, size)]


def members(mask: int) -> set[int]:
    return {gpu for gpu in range(8) if mask >> gpu & 1}


class Vms(RuleBasedStateMachine):
    @initialize(twice=st.booleans())
    def begin(self, twice: bool) -> None:  # noqa: FBT001 - drawn
        self.scene = Scene(twice=twice)
        self.lost: set[int] = set()
        self.seen: dict[str, VmStatus] = {}
        self.scene.world.db.interrupt = lambda _operation: self.follow_statuses()
        self.looking = False

    def vms(self) -> list[Vm]:
        return self.scene.services.vms.of_organization(ORGANIZATION)

    def follow_statuses(self) -> None:
        """Before every call to the database: what was written last moved along the table, one move a VM."""
        if self.looking:
            return
        self.looking = True
        for vm in self.vms():
            before = self.seen.get(vm.id)
            if before is None:
                assert vm.status is VmStatus.CREATING
            assert before in (None, vm.status) or vm.status in TRANSITIONS[before], (before, vm.status)
            self.seen[vm.id] = vm.status
        self.looking = False

    def fits(self, node: str, size: int, rental: RentalType) -> tuple[bool, int]:
        """By brute force: whether a slice can be had, and with how few VMs leaving."""
        position = NODES.index(node)
        holders = {vm.id: vm for vm in self.vms() if vm.position == position and vm.gpus}
        fewest = 99
        for wanted in slices(size) if position not in self.lost else []:
            inside = [vm for vm in holders.values() if members(vm.gpus) & wanted]
            may_leave = [
                vm.rental_type is INTERRUPTIBLE and vm.status is VmStatus.RUNNING and vm.preempted_by is None
                for vm in inside
            ]
            if not inside or (rental is not INTERRUPTIBLE and all(may_leave)):
                fewest = min(fewest, len(inside))
        return fewest < 99, fewest

    @rule(
        size=st.sampled_from([1, 2, 4, 8]),
        rental=st.sampled_from([ON_DEMAND, RESERVED, INTERRUPTIBLE, INTERRUPTIBLE]),
        node=st.sampled_from([NODES[0], NODES[0], NODES[1]]),
    )
    def create(self, size: int, rental: RentalType, node: str) -> None:
        expected, victims = self.fits(node, size, rental)
        try:
            vm = self.scene.create(size, rental, node=node)
        except ActionRefused:
            assert not expected
        else:
            assert expected
            assert len(vm.waits_for) == victims

    @rule(
        sizes=st.lists(st.sampled_from([1, 1, 2, 2, 4]), min_size=1, max_size=8),
        rental=st.sampled_from([ON_DEMAND, INTERRUPTIBLE, INTERRUPTIBLE]),
    )
    def fill(self, sizes: list[int], rental: RentalType) -> None:
        """Several at once, up and running: so that there is somebody to preempt."""
        for size in sizes:
            self.create(size, rental, NODES[0])
        self.scene.engine.settle()

    def pick(self, number: int) -> Vm | None:
        live = [vm for vm in self.vms() if vm.status is not VmStatus.DESTROYED]
        return live[number % len(live)] if live else None

    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        if (vm := self.pick(number)) is None:
            return
        allowed = vm.status in (VmStatus.STOPPED, VmStatus.INTERRUPTED) and vm.unsettled_since is None
        expected = allowed and (bool(vm.gpus) or self.fits(vm.node, vm.gpu_count, vm.rental_type)[0])
        try:
            start_vm(self.scene.services, self.scene.caller, vm.id, ACCOUNT)
        except ActionRefused:
            assert not expected
        else:
            assert expected

    @rule(number=NUMBERS)
    def stop(self, number: int) -> None:
        if (vm := self.pick(number)) is None:
            return
        try:
            stop_vm(self.scene.services, self.scene.caller, vm.id, ACCOUNT)
        except ActionRefused:
            assert vm.status is not VmStatus.RUNNING
        else:
            assert vm.status is VmStatus.RUNNING

    @rule(number=NUMBERS)
    def destroy(self, number: int) -> None:
        if vm := self.pick(number):
            destroyed = destroy_vm(self.scene.services, self.scene.caller, vm.id, ACCOUNT)
            assert destroyed.status is VmStatus.DESTROYED

    @rule(number=NUMBERS, count=st.integers(min_value=1, max_value=12))
    def step(self, number: int, count: int) -> None:
        for _ in range(count):
            if awake := self.scene.engine.awake():
                self.scene.engine.step(awake[number % len(awake)])

    @rule(seconds=st.sampled_from([1, 5, 20, 61, 130]))
    def pass_time(self, seconds: int) -> None:
        self.scene.world.clock.advance(seconds)

    @rule()
    def settle(self) -> None:
        self.scene.engine.settle()

    @rule()
    def restart(self) -> None:
        restart_vms(self.scene.services)

    @rule(over=st.booleans())
    def end_terms(self, over: bool) -> None:  # noqa: FBT001 - drawn
        if over:
            self.scene.world.clock.advance(31 * 86_400)
        end_vm_terms(self.scene.services)

    @rule(position=st.sampled_from([0, 1]))
    def lose_or_return_node(self, position: int) -> None:
        self.lost ^= {position}
        self.scene.lose(*self.lost)

    @rule()
    def watch(self) -> None:
        watch_vm_nodes(self.scene.services)

    @precondition(lambda self: self.scene.engine.awake())
    @rule(number=NUMBERS)
    def kill_an_execution(self, number: int) -> None:
        names = self.scene.engine.awake()
        self.scene.engine.kill(names[number % len(names)])

    @rule()
    def reconcile(self) -> None:
        reconcile(self.scene.services)

    @invariant()
    def no_gpu_has_two_holders(self) -> None:
        assert self.scene.audit() == []

    @invariant()
    def none_runs_that_is_not_told_to_leave_for_one_that_waits(self) -> None:
        by_key = {vm.key: vm for vm in self.vms()}
        for vm in by_key.values():
            assert bool(vm.wants) == bool(vm.waits_for)
            for other in by_key.values():
                shares = vm.node == other.node and vm.wants & other.gpus and vm.key != other.key
                if vm.waits_for and shares and other.status is VmStatus.RUNNING:
                    assert other.rental_type is INTERRUPTIBLE
                    assert other.preempted_by == vm.key
                    assert other.key in vm.waits_for
            if vm.preempted_by is not None:
                waits = by_key[vm.preempted_by]
                assert waits.status in (VmStatus.CREATING, VmStatus.STARTING)
                assert vm.key in waits.waits_for
            if vm.status is VmStatus.INTERRUPTED:
                assert vm.rental_type is INTERRUPTIBLE
                assert vm.gpus == 0
            if vm.status is VmStatus.RUNNING:
                assert vm.gpus.bit_count() == vm.gpu_count
                assert self.scene.services.vm_provider.server(vm.server_owner) is not None

    def teardown(self) -> None:
        if not hasattr(self, "scene"):
            return
        scene = self.scene
        self.lost = set()
        scene.lose()
        for _ in range(6):
            watch_vm_nodes(scene.services)
            scene.world.clock.advance(61)
            reconcile(scene.services)
            scene.engine.settle()
        restart_vms(scene.services)
        scene.engine.settle()
        self.no_gpu_has_two_holders()
        for vm in self.vms():
            assert vm.unsettled_since is None
            assert vm.preempted_by is None
            assert vm.waits_for == ()
            assert vm.password_hash is None
            assert vm.ssh_public_key is None
            if vm.status is VmStatus.INTERRUPTED and vm.auto_restart:
                assert not self.fits(vm.node, vm.gpu_count, INTERRUPTIBLE)[0]
        now = scene.world.clock.now()
        runs = {vm.server_owner for vm in self.vms() if vm.status is VmStatus.RUNNING}
        servers = {
            item["pk"]["S"].removeprefix("VMRUN#")
            for item in scene.world.db.dump()[SERVERS]
            if item["sk"]["S"] == "SERVER" and int(item.get("gone_at", {"N": "9" * 12})["N"]) > now
        }
        assert servers == runs


TestVms = Vms.TestCase
TestVms.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
