"""The independent auditor finds nothing in consistent tables, and each of its rules finds what breaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.auditor import audit
from testkit.vms.scene import ACCOUNT
from testkit.vms.scene import Scene as Nodes
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, SERVERS, caller
from tests.upkeep.audit import planted, planted_bookings, planted_servers, planted_vms
from tests.upkeep.audit.planted import record
from tests.upkeep.audit.planted_vms import record as vm_record
from tests.upkeep.audit.scene import CLAIM_ID, Scene, pod_key
from tests.upkeep.audit.vm_scene import NODE_POD, VmScene

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.vms.record import Vm

CLAIM = keys.capacity_claim(ORGANIZATION, CLAIM_ID)
TOMBSTONE = "99999999-2222-4333-8444-555555555555"


def _claim(**changes: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.set(HOLDERS, CLAIM, **changes)


def _retold(old: str, new: str) -> Callable[[Scene], None]:
    """The conditions of the claim contradict its figures."""

    def plant(scene: Scene) -> None:
        conditions = scene.item(HOLDERS, CLAIM)["conditions"]
        assert old in conditions
        scene.set(HOLDERS, CLAIM, conditions=conditions.replace(old, new))

    return plant


def _listed_twice(scene: Scene) -> None:
    ((zone, flavor, ((pod_id, pairs),)),) = json.loads(scene.item(HOLDERS, CLAIM)["allocations"])
    scene.set(HOLDERS, CLAIM, allocations=json.dumps([[zone, flavor, [[pod_id, pairs * 2]]]]))


def _one_booking_of_two(scene: Scene) -> None:
    mine = scene.reservation()
    changes = {"pod": mine.pod_id, "start": mine.positions[0], "tag": mine.runs[0].tag}
    scene.set(HOLDERS, record(scene.pending), **changes)


def _tombstone(key: Callable[[str, str], Any]) -> Callable[[Scene], None]:
    index = {"unsettled": "1", "unsettled_since": 5}
    return lambda scene: scene.put(
        HOLDERS, key(ORGANIZATION, TOMBSTONE), status="gone", created_at=1, **index
    )


def _vm(name: str, **changes: Any) -> Callable[[VmScene], None]:
    return lambda scene: scene.set(HOLDERS, vm_record(getattr(scene, name)), **changes)


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (lambda s: s.set(INVENTORY, pod_key("pod3"), d0={s.claim().tag: 0}), "has 0x0, others have 0x0"),
        (planted.the_pod_has_a_host_twice, "has 0xffff, others have 0xffff"),
        (planted_bookings.two_bookings_have_a_domain, "has -0x1, others have -0x1"),
        (planted_bookings.a_booking_lies_over_the_hosts_of_two_claims, "has -0x1, others have 0xffff"),
        (lambda s: s.set(INVENTORY, pod_key("pod3"), d0={s.claim().tag: 4}), "owns hosts that do not exist"),
        (lambda s: s.set(INVENTORY, pod_key("pod3"), d0={}), "d0 is an empty map"),
        (planted.a_domain_is_owned_without_a_holder, "records list None, the pod says -1"),
        (planted.a_listed_run_is_free, "records list -1, the pod says None"),
        (planted.a_host_is_owned_without_a_holder, "records list None, the pod says 255"),
        (planted.a_listed_host_is_free, "records list 255, the pod says None"),
        (lambda s: s.set(HOLDERS, record(s.provisioned), flavor="g.1"), "records list -1, the pod says None"),
        (_one_booking_of_two, "is listed twice under"),
        (planted.a_failed_reservation_lists_capacity, "is error and lists 2 domains"),
        (planted_bookings.a_claiming_reservation_lists_capacity, "is claiming and lists 1 domains"),
        (planted.a_provisioned_reservation_lists_nothing, "is provisioned and lists 0 domains"),
        (planted.a_pending_reservation_is_not_in_the_index, "is pending, indexed: False, since: True"),
        (planted_bookings.a_reservation_gives_back_and_is_not_in_the_index, "indexed: False, since: False"),
        (
            lambda s: s.set(HOLDERS, record(s.provisioned), unsettled="1", unsettled_since=5),
            "is provisioned, indexed: True, since: True",
        ),
        (_tombstone(keys.reservation), "is gone, indexed: True, since: True"),
        (_tombstone(keys.capacity_claim), "is gone, indexed: True, since: True"),
        (planted.a_deleted_claim_is_not_in_the_index, "is STATUS_DELETING, indexed: False, since: False"),
        (_claim(unsettled="1", unsettled_since=5), "is STATUS_READY, indexed: True, since: True"),
        (_claim(zones=["us-chi-1"]), "is STATUS_READY, indexed: False, since: False"),
        (planted.more_is_counted_than_there_is, "QUOTA#GB300') counts 9, records have 3"),
        (planted.less_is_counted_than_there_is, "QUOTA#instances') counts 0, records have 51"),
        (planted.a_quota_was_deleted_by_hand, "QUOTA#GB300') counts None, records have 3"),
        (planted.a_served_claim_stands_in_a_queue, "waits for nothing"),
        (planted.a_waiting_claim_has_no_entry, "is missing"),
        (planted.a_claim_has_two_names, "names are"),
        (planted.a_claim_has_no_name, "names are"),
        (planted.two_claims_have_one_name, "two claims of an organization have the same name"),
        (planted.a_waiting_claim_says_that_it_is_ready, "is STATUS_READY: 43 pending, 0 too many"),
        (_claim(status="STATUS_UPDATING"), "is STATUS_UPDATING: 0 pending, 0 too many"),
        (_retold('"Progressing"', '"Allocated"'), "has conditions"),
        (_retold('"True"', '"False"'), "owns 1 in uk-lon-1 and says False"),
        (_retold("1 instance", "2 instance"), "owns 1 in uk-lon-1 and says True: 2"),
        (_listed_twice, "lists a domain twice"),
        (planted_servers.a_server_of_an_earlier_life, "outlives its claim"),
        (planted_servers.two_servers_have_a_host, "the items of its hold disagree"),
    ],
)
def test_inconsistent_reservations_and_claims_are_found(plant: Callable[[Scene], None], finding: str) -> None:
    _finds(Scene(), plant, finding)


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (planted_vms.a_node_has_a_gpu_twice, "has 0x3, others have 0x1"),
        (lambda s: s.set(INVENTORY, NODE_POD, d6={s.running.tag: 0x100}), "owns hosts that do not exist"),
        (planted_vms.a_node_with_vms_is_owned_as_a_host, "has 0xff, others have"),
        (planted_vms.gpus_are_owned_without_a_holder, "records list None, the pod says 3"),
        (planted_vms.the_node_of_a_vm_is_free, "records list 255, the pod says None"),
        (_vm("running", counted=["vms"]), "QUOTA#vms"),
        (planted_vms.a_vm_that_stops_has_no_work, "is stopping, indexed: False, since: False"),
        (planted_vms.a_new_vm_is_not_in_the_index, "is creating, indexed: False, since: True"),
        (_vm("next_vm", wants=3), "holds 0x0 and wants 0x3"),
        (_vm("next_vm", wants=0), "wants 0x0 and waits for"),
        (planted_vms.a_running_vm_has_no_gpus, "(running) holds 0x0 for 8"),
        (_vm("running", gpus=6), "(running) holds 0x6 for 2"),
        (_vm("offline", offline_from="running", gpus=0), "(offline) holds 0x0 for 2"),
        (_vm("interrupted", gpus=1), "(interrupted) still holds 0x1"),
        (planted_vms.a_stopped_vm_keeps_a_gpu, "(stopped) is settled, and holds 0x4"),
        (_vm("kept", gpus=0), "(stopped) holds 0x0 for 4, which its term keeps"),
        (planted_vms.a_vm_that_is_waited_for_was_not_told, "which has no notice because of it"),
        (_vm("leaving", rental_type="on_demand"), "which must not be interrupted"),
        (planted_vms.a_vm_was_told_to_leave_for_one_that_runs, "which does not wait for it"),
        (planted_vms.two_vms_servers_have_a_gpu, "shares GPUs of host-vm01"),
        (planted_vms.a_server_of_an_earlier_run, "has no VM"),
        (planted_vms.a_server_of_no_vm, "has no VM"),
        (
            lambda s: s.set(SERVERS, server_keys.vm_server(s.vm(s.running).server_owner), gpus=4),
            "is on GPUs that are not its VM's, which is running",
        ),
    ],
)
def test_inconsistent_vms_are_found(plant: Callable[[VmScene], None], finding: str) -> None:
    _finds(VmScene(), plant, finding)


def _finds(scene: Any, plant: Callable[[Any], None], finding: str) -> None:
    now = scene.world.clock.now()
    assert audit(scene.db, now=now) == []
    plant(scene)
    assert any(finding in found for found in audit(scene.db, now=now)), audit(scene.db, now=now)


class Settled(Scene):
    """VMs without work left to do."""

    def __init__(self) -> None:
        nodes = Nodes()
        self.world, self.db = nodes.world, nodes.world.db
        self.running, self.stopped, self.destroyed = (nodes.running(2) for _ in range(3))
        stop_vm(nodes.services, caller(), self.stopped.id, ACCOUNT)
        destroy_vm(nodes.services, caller(), self.destroyed.id, ACCOUNT)
        nodes.engine.settle()
        self.owner = nodes.now(self.running).server_owner

    def disk(self, vm: Vm) -> Any:
        return server_keys.vm_disk(vm.id)


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (lambda s: s.set(HOLDERS, vm_record(s.stopped), unsettled="1", unsettled_since=5), "and has notice"),
        (lambda s: s.set(HOLDERS, vm_record(s.running), wants=3), "and has notice"),
        (lambda s: s.set(HOLDERS, vm_record(s.running), password_hash="x"), "keeps attributes of its start"),
        (lambda s: s.delete(SERVERS, server_keys.vm_server(s.owner)), "a VM that runs without a server"),
        (lambda s: s.set(SERVERS, server_keys.vm_server(s.owner), gpus=1), "a VM that runs without a server"),
        (lambda s: s.set(HOLDERS, vm_record(s.running), status="stopped"), "a server without a VM that runs"),
        (lambda s: s.put(SERVERS, s.disk(s.destroyed), storage_gb=1), "is left"),
        (lambda s: s.delete(SERVERS, s.disk(s.stopped)), "is lost"),
        (lambda s: s.delete(HOLDERS, keys.on_roster("vm01", s.stopped.id)), "the roster does not agree"),
        (
            lambda s: s.put(HOLDERS, keys.on_roster("vm01", s.destroyed.id), vm=s.destroyed.id),
            "the roster does not agree",
        ),
    ],
)
def test_inconsistencies_once_everything_is_settled_are_found(
    plant: Callable[[Settled], None], finding: str
) -> None:
    scene = Settled()
    now = scene.world.clock.now()
    assert audit(scene.db, now=now, at_rest=True) == []
    plant(scene)
    assert any(finding in found for found in audit(scene.db, now=now, at_rest=True))


def test_a_run_that_a_reservation_names_may_be_owned_or_not() -> None:
    scene = Scene()
    named = {"named_pod": "pod3", "named_start": 0, "named_tag": planted_bookings.TAG}
    scene.set(HOLDERS, record(scene.provisioned), unsettled="1", unsettled_since=5, **named)
    assert audit(scene.db, now=scene.world.clock.now()) == []
    planted_bookings.a_booking_has_no_holder(scene)
    assert audit(scene.db, now=scene.world.clock.now()) == []
