"""Requests, workflow steps, schedules and faults in any order, checked against invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.errors import ActionRefused
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.vms.api.models import vm_view
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.items import decode_vm
from gpu_capacity.vms.prices import quote_of
from gpu_capacity.vms.record import Vm, VmStatus
from gpu_capacity.vms.schedule import end_vm_terms, restart_vms, watch_vm_nodes
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.items import owned_in_part
from testkit.searching import examples
from testkit.vms.scene import ACCOUNT, GPU5090, INTERRUPTIBLE, ON_DEMAND, POD, REGION, RESERVED, Scene
from testkit.world import HOLDERS, INVENTORY
from tests.vms.vm_model import GPUS, Model, Promise

if TYPE_CHECKING:
    from gpu_capacity.vms.record import RentalType

pytestmark = pytest.mark.slow

NODES = ("vm01", "vm02")
NUMBERS = st.integers(min_value=0, max_value=999)
POLL_SECONDS = 5


class Vms(RuleBasedStateMachine):
    @initialize(twice=st.booleans())
    def begin(self, twice: bool) -> None:  # noqa: FBT001 - drawn
        self.scene = Scene(twice=twice)
        self.model = Model()
        self.lost: set[int] = set()
        self.followed = -1
        self.scene.world.db.interrupt = lambda _operation: self.follow()

    # The visible state, read without the client and without the code that decides.

    def records(self) -> dict[str, Vm]:
        items = map(decode, self.scene.world.db.table(HOLDERS).items())
        return {item["sk"][3:]: decode_vm(item) for item in items if item["sk"].startswith(keys.VM_PREFIX)}

    def owners(self, node: str) -> dict[int, str]:
        """VM ids by GPU; fails if a GPU has two owners."""
        key = keys.owners(REGION, GPU5090.id, POD)
        item = self.scene.world.db.table(INVENTORY).get((key["pk"]["S"], key["sk"]["S"])) or {}
        by_tag = {vm.tag: vm.id for vm in self.records().values()}
        found: dict[int, str] = {}
        for tag, mask in owned_in_part(item).get(NODES.index(node), {}).items():
            for gpu in range(GPUS):
                if mask >> gpu & 1:
                    assert gpu not in found, f"GPU {gpu} of {node} has two holders"
                    found[gpu] = by_tag[tag]
        return found

    def follow(self) -> None:
        """Before every call to the database: the last write obeyed the status table and every promise."""
        requests = self.scene.world.db.requests
        written = requests["transact_write_items"] + requests["put_item"] + requests["update_item"]
        if written == self.followed:
            return
        self.followed = written
        for vm in self.records().values():
            if vm.id not in self.model.promises:
                assert vm.status is VmStatus.CREATING
                self.model.promises[vm.id] = Promise(
                    vm.node, vm.gpu_count, vm.rental_type is INTERRUPTIBLE, vm.rental_type is RESERVED
                )
            self.model.promises[vm.id].keeps = vm.rental_type is RESERVED
            self.model.moved(vm.id, vm.status.value)
        held: dict[str, set[int]] = {vm_id: set() for vm_id in self.model.promises}
        for node in NODES:
            for gpu, vm_id in self.owners(node).items():
                assert self.model.promises[vm_id].node == node
                held[vm_id].add(gpu)
        for vm_id, gpus in held.items():
            self.model.holds(vm_id, gpus)

    def room(self, node: str, size: int, rental: RentalType) -> int | None:
        """With how few victims there is a slice; ``None`` if there is none, or the node is lost."""
        if NODES.index(node) in self.lost:
            return None
        self.follow()
        shown = {vm.id for vm in self.records().values() if vm.preempted_by is not None}
        wanted = Promise(node, size, rental is INTERRUPTIBLE, rental is RESERVED)
        return self.model.fits(node, self.owners(node), wanted, shown)

    # Requests of customers.

    @rule(
        size=st.sampled_from([1, 2, 4, 8]),
        rental=st.sampled_from([ON_DEMAND, RESERVED, INTERRUPTIBLE, INTERRUPTIBLE]),
        node=st.sampled_from([NODES[0], NODES[0], NODES[1]]),
    )
    def rent(self, size: int, rental: RentalType, node: str) -> None:
        self.create(size, rental, node)

    def create(self, size: int, rental: RentalType, node: str) -> Vm | None:
        expected = self.room(node, size, rental)
        try:
            vm = self.scene.create(size, rental, node=node)
        except ActionRefused:
            assert expected is None
            return None
        assert len(vm.waits_for) == expected
        return vm

    @rule(
        sizes=st.lists(st.sampled_from([1, 1, 2, 2, 4]), min_size=1, max_size=8),
        rental=st.sampled_from([ON_DEMAND, INTERRUPTIBLE, INTERRUPTIBLE]),
    )
    def fill(self, sizes: list[int], rental: RentalType) -> None:
        """Several VMs at once, running: so that there are VMs to preempt."""
        for size in sizes:
            self.create(size, rental, NODES[0])
        self.scene.engine.settle()

    @rule(
        size=st.sampled_from([2, 4, 8]),
        rental=st.sampled_from([ON_DEMAND, RESERVED]),
        then=st.sampled_from(["told", "over", "new VM goes", "guest stops", "guest goes", "node is lost"]),
    )
    def preempt(self, size: int, rental: RentalType, then: str) -> None:
        """A request for a node that is full of interruptible VMs, followed by another action."""
        self.fill([4, 2, 1, 1], INTERRUPTIBLE)
        new_vm = self.create(size, rental, NODES[0])
        guests = [vm_id for _, vm_id in new_vm.waits_for] if new_vm else []
        if new_vm and guests:
            services, who = self.scene.services, self.scene.caller
            match then:
                case "over":
                    self.scene.engine.settle()
                case "new VM goes":
                    destroy_vm(services, who, new_vm.id, ACCOUNT)
                case "guest stops":
                    stop_vm(services, who, guests[0], ACCOUNT)
                case "guest goes":
                    destroy_vm(services, who, guests[0], ACCOUNT)
                case "node is lost":
                    self.lost ^= {0}
                    self.scene.lose(*self.lost)

    def pick(self, number: int) -> Vm | None:
        live = [vm for vm in self.scene.vms() if vm.status is not VmStatus.DESTROYED]
        return live[number % len(live)] if live else None

    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        if (vm := self.pick(number)) is None:
            return
        allowed = vm.status in (VmStatus.STOPPED, VmStatus.INTERRUPTED) and vm.unsettled_since is None
        keeps = vm.status is VmStatus.STOPPED and vm.rental_type is RESERVED
        expected = allowed and (keeps or self.room(vm.node, vm.gpu_count, vm.rental_type) is not None)
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

    # Workflows, time and schedules.

    @rule(number=NUMBERS, count=st.integers(min_value=1, max_value=12))
    def step(self, number: int, count: int) -> None:
        for _ in range(count):
            if awake := self.scene.engine.awake():
                self.scene.engine.step(awake[number % len(awake)])

    @rule(seconds=st.sampled_from([1, 5, 20, 61, 130]))
    def pass_time(self, seconds: int) -> None:
        self.scene.world.clock.advance(seconds)

    @rule()
    def run_until_all_wait(self) -> None:
        """Run everything that can continue; no victim may be left after its notice."""
        self.scene.engine.run()
        records = self.records()
        alive = {execution.payload["vm"] for execution in self.scene.engine.executions.values()}
        for vm in records.values():
            shown = [records[vm_id] for _, vm_id in vm.waits_for]
            ready = all(other.status is VmStatus.RUNNING for other in shown) and vm.id in alive
            if shown and ready and NODES.index(vm.node) not in self.lost:
                notice_ends = max(other.preempt_at or 0 for other in shown)
                assert self.scene.world.clock.now() < notice_ends + POLL_SECONDS

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

    # Invariants.

    @invariant()
    def nodes_records_and_promises_agree(self) -> None:
        self.follow()
        assert self.scene.audit() == []

    @invariant()
    def none_runs_that_is_not_told_to_leave_for_one_that_waits(self) -> None:
        by_key = {vm.key: vm for vm in self.records().values()}
        for vm in by_key.values():
            for other in by_key.values():
                shares = vm.node == other.node and vm.wants & other.gpus and vm.key != other.key
                if vm.waits_for and shares and other.status is VmStatus.RUNNING:
                    assert other.rental_type is INTERRUPTIBLE
                    assert other.preempted_by == vm.key
                    assert other.key in vm.waits_for
            if vm.preempted_by is not None:
                waits = by_key[vm.preempted_by]
                assert waits.status in (VmStatus.CREATING, VmStatus.STARTING)
                assert waits.rental_type is not INTERRUPTIBLE
            if vm.status is VmStatus.INTERRUPTED:
                assert vm.rental_type is INTERRUPTIBLE
            if vm.status is VmStatus.RUNNING:
                assert self.scene.services.vm_provider.server(vm.server_owner) is not None

    @invariant()
    def money_is_never_negative_and_a_discount_never_makes_dearer(self) -> None:
        prices = self.scene.services.prices
        for vm in self.records().values():
            view = vm_view(vm, prices, None)
            hourly, gpu, storage = (
                view[name] for name in ("hourly_rate", "gpu_hourly_rate", "storage_hourly_rate")
            )
            assert min(hourly, gpu, storage) >= 0
            assert gpu <= float(prices.gpu_hourly[vm.gpu_type])
            if months := vm.reservation_months:
                quote = quote_of(prices, vm.gpu_type, vm.gpu_count, vm.storage_gb, months)
                assert quote is not None
                assert min(quote.hourly, quote.monthly, quote.deposit, quote.cancellation_fee) >= 0

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
        self.follow()
        assert scene.audit(at_rest=True) == []
        for vm in self.records().values():
            if vm.status is VmStatus.INTERRUPTED and vm.auto_restart:
                assert self.room(vm.node, vm.gpu_count, INTERRUPTIBLE) is None


TestVms = Vms.TestCase
TestVms.settings = examples(40, stateful_step_count=30)
