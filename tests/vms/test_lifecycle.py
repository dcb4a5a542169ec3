from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.accounts.account import Account
from gpu_capacity.errors import ActionRefused, Forbidden, NotFound
from gpu_capacity.providers.port import StartOutcome, VmOrder
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.offers import free_offers
from gpu_capacity.vms.read import get_vm, list_vms, usage_of
from gpu_capacity.vms.record import PageOfVms, VmStatus, months_later
from gpu_capacity.vms.schedule import end_vm_terms, restart_vms, watch_vm_nodes
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, ON_DEMAND, REGION, RESERVED, Scene, nodes
from testkit.world import SERVERS, caller


def stop(scene: Scene, vm: object) -> None:
    stop_vm(scene.services, scene.caller, vm.id, ACCOUNT)  # type: ignore[attr-defined]
    scene.engine.settle()


def test_a_new_vm_goes_from_creating_through_starting_to_running() -> None:
    scene = Scene()
    vm = scene.create(2)
    assert vm.status is VmStatus.CREATING
    assert vm.gpus == 0b11
    scene.engine.run()
    assert scene.status(vm) == "starting"
    scene.engine.settle()
    now = scene.now(vm)
    assert now.status is VmStatus.RUNNING
    assert now.ip_address is not None
    assert now.started_at is not None
    assert now.unsettled_since is None
    assert scene.audit() == []


def test_the_ssh_key_is_removed_from_the_record_once_the_provider_has_it() -> None:
    scene = Scene()
    vm = scene.create()
    assert vm.ssh_public_key is not None
    scene.engine.run()
    assert scene.now(vm).ssh_public_key is None
    assert b"ssh-ed25519" not in str(scene.world.db.dump()).encode()


def test_stopping_frees_the_gpus_and_starting_takes_a_slice_again() -> None:
    scene = Scene()
    vm = scene.running(4)
    stop(scene, vm)
    assert scene.status(vm) == "stopped"
    assert scene.owners() == {}
    other = scene.running(8)
    with pytest.raises(ActionRefused, match="no GPU of the node is free"):
        start_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    destroy_vm(scene.services, scene.caller, other.id, ACCOUNT)
    scene.engine.settle()
    assert start_vm(scene.services, scene.caller, vm.id, ACCOUNT).status is VmStatus.STARTING
    scene.engine.settle()
    assert scene.status(vm) == "running"
    assert scene.now(vm).runs == vm.runs + 1
    assert scene.audit() == []


def test_a_vm_destroyed_while_it_runs_counts_in_quotas_until_its_server_is_gone() -> None:
    scene = Scene()
    vm = scene.running(2)
    in_use = {"vms": 1, "vm_gpus": 2}
    destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    assert (scene.status(vm), scene.now(vm).uses, scene.owners()) == ("destroyed", in_use, {vm.tag: 0b11})
    scene.engine.settle()
    assert (scene.status(vm), scene.now(vm).uses, scene.owners()) == ("destroyed", {}, {})


def test_a_reserved_vm_keeps_its_gpus_while_it_is_stopped() -> None:
    scene = Scene()
    vm = scene.running(8, RESERVED)
    assert vm.reservation_id is not None
    stop(scene, vm)
    assert scene.owners() == {vm.tag: 0xFF}
    start_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    assert scene.status(vm) == "running"


@pytest.mark.parametrize("stopped", [False, True])
def test_a_term_that_is_over_becomes_on_demand_once(stopped: bool) -> None:  # noqa: FBT001
    scene = Scene()
    vm = scene.running(2, RESERVED)
    if stopped:
        stop(scene, vm)
    assert end_vm_terms(scene.services) == 0
    assert vm.term_ends_at is not None
    scene.world.clock.advance(vm.term_ends_at - scene.world.clock.now())
    assert end_vm_terms(scene.services) == 1
    assert end_vm_terms(scene.services) == 0
    now = scene.now(vm)
    assert (now.rental_type, now.reservation_id) == (ON_DEMAND, None)
    assert scene.owners() == ({} if stopped else {vm.tag: 0b11})
    assert scene.audit() == []


def test_terms_are_calendar_months() -> None:
    assert months_later(1_769_817_600, 1) == 1_772_236_800  # 31 January 2026 to 28 February
    assert months_later(1_790_726_400, 6) == 1_806_364_800  # 30 September 2026 to 30 March 2027


def test_a_destroyed_vm_stays_readable_and_holds_nothing() -> None:
    scene = Scene()
    vm = scene.running(8, RESERVED)
    assert destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT).status is VmStatus.DESTROYED
    scene.engine.settle()
    assert destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT).status is VmStatus.DESTROYED
    assert get_vm(scene.services, scene.caller, vm.id, ACCOUNT).status is VmStatus.DESTROYED
    assert scene.owners() == {}
    assert scene.services.vms.roster() == []
    assert not [i for i in scene.world.db.dump()[SERVERS] if i["pk"]["S"].startswith("VMDISK")]


def test_destroying_while_it_starts_leaves_no_server() -> None:
    scene = Scene()
    vm = scene.create()
    scene.engine.run()
    destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    assert scene.services.vm_provider.server(vm.server_owner) is None
    assert scene.audit() == []


def test_a_server_that_fails_shows_failed_and_gives_everything_back() -> None:
    scene = Scene()
    scene.world.behaviour = replace(scene.world.behaviour, failing_hosts=frozenset({"host-vm01"}))
    scene.engine.world.services = scene.services = scene.world.environment()
    vm = scene.create(4)
    scene.engine.settle()
    now = scene.now(vm)
    assert now.status is VmStatus.FAILED
    assert now.failure is not None
    assert scene.owners() == {}
    assert scene.audit() == []


def test_a_node_whose_server_failed_is_not_rented_again_and_others_on_it_run_on() -> None:
    scene = Scene()
    beside = scene.create()
    scene.engine.settle()
    sick = replace(scene.world.behaviour, failing_hosts=frozenset({"host-vm01"}))
    scene.world.behaviour = sick
    scene.engine.world.services = scene.services = scene.world.environment()
    scene.create()
    scene.engine.settle()

    aside = scene.services.fleet.cordons(REGION).quarantines["host-vm01"]
    assert (aside.reason, aside.by) == ("a server failed to start", "workflow:vm")
    assert "simulated hardware fault" in (aside.evidence or "")
    with pytest.raises(ActionRefused):
        scene.create()
    assert scene.status(beside) == "running"
    assert scene.audit() == []


def test_a_server_that_never_comes_up_fails_at_the_deadline() -> None:
    scene = Scene()
    scene.world.behaviour = replace(scene.world.behaviour, stuck_hosts=frozenset({"host-vm01"}))
    scene.engine.world.services = scene.services = scene.world.environment()
    vm = scene.create()
    scene.engine.settle()
    assert scene.status(vm) == "failed"
    assert scene.owners() == {}


@pytest.mark.parametrize("action", [start_vm, stop_vm])
def test_an_action_that_the_status_does_not_allow_is_refused_with_a_detail(action: object) -> None:
    scene = Scene()
    vm = scene.create()
    with pytest.raises(ActionRefused, match="a VM that is creating cannot be"):
        action(scene.services, scene.caller, vm.id, ACCOUNT)  # type: ignore[operator]


def test_a_vm_of_another_organization_is_not_found() -> None:
    scene = Scene()
    vm = scene.create()
    with pytest.raises(NotFound):
        get_vm(scene.services, scene.caller, vm.id, Account("another", "user-1"))


def test_a_token_without_the_permission_is_forbidden() -> None:
    scene = Scene()
    scene.caller = caller(permissions=frozenset())
    with pytest.raises(Forbidden):
        scene.create()


def test_the_list_is_newest_first_and_in_pages() -> None:
    scene = Scene()
    made = [scene.create() for _ in range(4)]
    newest = [vm.id for vm in reversed(made)]
    assert [vm.id for vm in list_vms(scene.services, scene.caller, ACCOUNT, PageOfVms(50))] == newest
    assert [vm.id for vm in list_vms(scene.services, scene.caller, ACCOUNT, PageOfVms(2, 1))] == newest[1:3]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"node": "vm99"}, "does not exist"),
        ({"gpu_type": "4090"}, "gpu_type: the node has GPUs of type 5090"),
    ],
)
def test_a_node_that_does_not_fit_is_refused(changes: dict[str, Any], detail: str) -> None:
    scene = Scene()
    with pytest.raises(ActionRefused, match=detail):
        scene.create(**changes)


def test_offers_show_the_free_slices_of_every_node() -> None:
    scene = Scene()
    scene.create(2)
    first, second = free_offers(scene.services)
    assert (first.node, second.node) == ("vm01", "vm02")
    assert first.slices == {1: 6, 2: 3, 4: 1, 8: 0}
    assert second.slices == {1: 8, 2: 4, 4: 2, 8: 1}


def test_usage_is_reported_for_running_vms_only() -> None:
    scene = Scene()
    runs, creates = scene.running(), scene.create()
    usage = usage_of(scene.services, [runs, creates])
    assert usage.keys() == {runs.id}
    assert 0 <= usage[runs.id].cpu_percent <= 100


def test_vms_of_a_lost_node_are_offline_until_it_is_back() -> None:
    scene = Scene()
    runs, halted = scene.running(2), scene.running(2)
    stop(scene, halted)
    scene.lose(0)
    assert watch_vm_nodes(scene.services) == 2
    assert watch_vm_nodes(scene.services) == 0
    assert (scene.status(runs), scene.status(halted)) == ("offline", "offline")
    assert scene.owners() == {runs.tag: 0b11}
    scene.lose()
    assert watch_vm_nodes(scene.services) == 2
    scene.engine.settle()
    assert (scene.status(runs), scene.status(halted)) == ("running", "stopped")
    assert scene.audit() == []


def test_a_vm_whose_node_is_lost_while_it_starts_fails() -> None:
    scene = Scene()
    vm = scene.create()
    scene.lose(0)
    scene.engine.settle()
    assert scene.status(vm) == "failed"
    assert scene.audit() == []


def test_a_stop_by_the_user_clears_automatic_restart() -> None:
    scene = Scene()
    vm = scene.running(1, INTERRUPTIBLE)
    assert vm.auto_restart is True
    stop(scene, vm)
    assert scene.now(vm).auto_restart is False
    assert restart_vms(scene.services) == 0


def test_a_term_that_ends_while_the_node_is_lost_frees_what_a_stopped_vm_kept() -> None:
    scene = Scene()
    vm = scene.running(2, RESERVED)
    stop(scene, vm)
    scene.lose(0)
    watch_vm_nodes(scene.services)
    assert scene.status(vm) == "offline"
    scene.world.clock.advance(32 * 86_400)
    assert end_vm_terms(scene.services) == 1
    assert scene.owners() == {}
    assert scene.audit() == []


def test_another_machine_under_the_node_s_name_does_not_restore_its_vms() -> None:
    scene = Scene()
    vm = scene.running(2)
    pod = nodes(version=2)
    first = pod.domains[0]
    other = replace(first, hosts=(replace(first.hosts[0], id="host-new"),))
    scene.world.load((replace(pod, domains=(other, *pod.domains[1:])),))
    scene.world.clock.advance(61)
    assert watch_vm_nodes(scene.services) == 1
    assert watch_vm_nodes(scene.services) == 0
    assert scene.status(vm) == "offline"


def test_a_delayed_start_of_a_swept_run_creates_no_server() -> None:
    scene = Scene()
    vm = scene.running(2)
    stop(scene, vm)
    order = VmOrder(vm.server_owner, vm.id, REGION, vm.host_id, 0b11, 100, 101, None, None)
    assert scene.services.vm_provider.start(order) is StartOutcome.FENCED
    assert scene.services.vm_provider.server(vm.server_owner) is None


def test_the_provider_gives_a_gpu_to_one_server_only() -> None:
    scene = Scene()
    vm = scene.running(2)
    order = VmOrder("another-1", "another", REGION, vm.host_id, 0b110, 100, 101, None, None)
    assert scene.services.vm_provider.start(order) is StartOutcome.OCCUPIED


def test_a_gpu_is_vacant_from_the_moment_its_server_is_gone() -> None:
    scene = Scene()
    provider, vm = scene.services.vm_provider, scene.running(2)
    assert provider.is_vacant(vm.host_id, 0b11111100)
    assert not provider.is_vacant(vm.host_id, 0b10)
    provider.stop(vm.server_owner)
    assert not provider.is_vacant(vm.host_id, 0b11)
    scene.world.clock.advance(scene.world.behaviour.delete_seconds)
    assert provider.server(vm.server_owner) is None
    assert provider.is_vacant(vm.host_id, 0b11)


def test_a_cordoned_node_accepts_no_new_vm() -> None:
    scene = Scene()
    pod = nodes(version=2)
    cordoned = (replace(pod.domains[0], cordoned=True), *pod.domains[1:])
    scene.world.load((replace(pod, domains=cordoned),))
    with pytest.raises(ActionRefused, match="takes no new VMs"):
        scene.create()
    assert free_offers(scene.services)[0].free == 0
