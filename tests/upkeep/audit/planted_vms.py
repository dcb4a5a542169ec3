"""Corruptions of VMs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.vms.items import encode_entry
from testkit.vms import scene as nodes
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, SERVERS
from tests.upkeep.audit.planted import Corruptions
from tests.upkeep.audit.scene import STRANGER, leave_server
from tests.upkeep.audit.vm_scene import NODE_POD, VmScene

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.vms.items import RosterEntry
    from gpu_capacity.vms.record import Vm

NOBODY: Final = "aaaaaaaa-2222-4333-8444-555555555555"
NOBODYS_GPUS: Final = "g" + STRANGER.hex()
FREE: Final = 6
"""Position of the node that nobody has anything of."""


PLANTED_VMS: Final = Corruptions(VmScene)
planted = PLANTED_VMS.planted


def record(vm: Vm) -> Key:
    return keys.vm(*vm.key)


def entry_of(vm: Vm) -> Key:
    return keys.on_roster(vm.node, vm.id)


def listing_of(vm: Vm) -> Key:
    return keys.vm_listing(vm.organization_id, vm.age, ended=False)


def _entry(scene: VmScene, vm: Vm) -> RosterEntry:
    (found,) = (e for e in scene.world.services.vms.roster() if e.vm_id == vm.id)
    return found


def put_server(scene: VmScene, owner: str, host: str, gpu: int) -> None:
    """A server of one GPU that no request asked for."""
    scene.put(SERVERS, server_keys.vm_server(owner), host=host, gpus=1 << gpu, started_at=1, ready_at=1)
    scene.put(SERVERS, server_keys.occupied_gpu(host, gpu), owner=owner)


# Owned twice


@planted("double leaked orphaned server_disagrees")
def two_vms_list_a_gpu(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.stopping), gpus=scene.vm(scene.dying).gpus)


@planted("double leaked")
def a_node_has_a_gpu_twice(scene: VmScene) -> None:
    scene.own(4, {**scene.owners(4), scene.stopping.tag: 3})


@planted("double double leaked orphaned")
def a_reservation_lists_a_node_with_vms(scene: VmScene) -> None:
    key = keys.reservation(ORGANIZATION, scene.pending)
    there = {"region": nodes.REGION, "held": keys.held_partition((nodes.REGION,), scene.pending)}
    scene.set(HOLDERS, key, **there, flavor=nodes.GPU5090.id, pod=nodes.POD, start=0)


@planted("double double leaked")
def a_node_with_vms_is_owned_as_a_host(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), STRANGER.hex(): 1})


# Leaked


@planted("leaked", repaired=True)
def gpus_are_owned_without_a_holder(scene: VmScene) -> None:
    scene.own(FREE, {NOBODYS_GPUS: 3})


@planted("leaked", repaired=True)
def a_node_of_nobody_is_owned(scene: VmScene) -> None:
    scene.own(FREE, STRANGER)


@planted("leaked", repaired=True)
def a_destroyed_vm_owns_a_gpu(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.destroyed.tag: 4})


@planted("leaked", repaired=True)
def a_failed_vm_owns_its_node(scene: VmScene) -> None:
    scene.own(5, {scene.failed.tag: 255})


@planted("leaked")
def a_stopped_vm_owns_a_gpu(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.stopped.tag: 4})


@planted("leaked server_leaked")
def gpus_with_a_server_on_them_leak(scene: VmScene) -> None:
    gpus_are_owned_without_a_holder(scene)
    put_server(scene, f"{NOBODY}-1", "host-vm07", 1)


@planted("leaked server_leaked")
def a_node_with_a_vms_server_on_it_leaks(scene: VmScene) -> None:
    a_node_of_nobody_is_owned(scene)
    put_server(scene, f"{NOBODY}-1", "host-vm07", 7)


@planted("disk_leaked leaked listing_stale roster_stale server_leaked")
def the_record_of_a_running_vm_was_deleted(scene: VmScene) -> None:
    scene.delete(HOLDERS, record(scene.running))


# Orphaned


@planted("orphaned", repaired=True)
def the_gpus_of_a_vm_are_free(scene: VmScene) -> None:
    scene.own(0, {scene.kept.tag: scene.vm(scene.kept).gpus})


@planted("orphaned", repaired=True)
def half_of_the_gpus_of_a_vm_are_free(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.kept.tag: 0x30})


@planted("orphaned", repaired=True)
def the_node_of_a_vm_is_free(scene: VmScene) -> None:
    scene.own(2, None)


@planted("leaked orphaned")
def the_gpus_of_a_vm_are_somebody_elses(scene: VmScene) -> None:
    scene.own(2, {NOBODYS_GPUS: 255})


@planted("leaked orphaned")
def the_node_of_a_vm_is_owned_whole(scene: VmScene) -> None:
    scene.own(2, STRANGER)


# Records


@planted("contradictory")
def a_stopped_vm_keeps_a_gpu(scene: VmScene) -> None:
    a_stopped_vm_owns_a_gpu(scene)
    scene.set(HOLDERS, record(scene.stopped), gpus=4)


@planted("contradictory leaked server_disagrees")
def a_running_vm_has_no_gpus(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.new_vm), gpus=0)


@planted("contradictory")
def a_running_vm_has_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.running), unsettled="1", unsettled_since=5)


@planted("contradictory server_disagrees")
def a_vm_waits_for_what_nobody_leaves(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), gpus=0xF0, gpu_count=4)
    scene.own(1, {scene.leaving.tag: 0xF0})


@planted("contradictory roster_stale")
def a_reserved_vm_has_no_term(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.kept), term_ends_at=None)


@planted("contradictory server_leaked")
def an_offline_vm_was_nothing_before(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.offline), offline_from=None)


@planted("contradictory")
def a_notice_has_no_end(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), preempt_at=None)


# Notices


@planted("notice_stale", repaired=True)
def a_vm_was_told_to_leave_for_one_that_runs(scene: VmScene) -> None:
    key = [ORGANIZATION, scene.running.id]
    scene.set(HOLDERS, record(scene.new_vm), preempt_at=1, preempted_by=key)


@planted("listing_stale notice_stale roster_stale", repaired=True)
def the_record_of_a_waiting_vm_was_deleted(scene: VmScene) -> None:
    scene.delete(HOLDERS, record(scene.next_vm))


@planted("notice_missing")
def a_vm_that_is_waited_for_was_not_told(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), preempt_at=None, preempted_by=None)


# The roster


@planted("roster_stale", repaired=True)
def the_roster_has_a_vm_that_there_is_not(scene: VmScene) -> None:
    entry = encode_entry(_entry(scene, scene.running))
    scene.db.put_item(TableName=HOLDERS, Item=entry | keys.on_roster("vm07", NOBODY) | {"vm": {"S": NOBODY}})


@planted("roster_stale", repaired=True)
def the_roster_has_a_vm_that_is_destroyed(scene: VmScene) -> None:
    scene.put(
        HOLDERS,
        entry_of(scene.destroyed),
        organization=ORGANIZATION,
        vm=scene.destroyed.id,
        node="vm01",
        host="host-vm01",
        status="running",
        created_at=1,
    )


@planted("roster_stale", repaired=True)
def the_roster_has_a_vm_on_two_nodes(scene: VmScene) -> None:
    entry = encode_entry(_entry(scene, scene.running)) | {"node": {"S": "vm07"}}
    scene.db.put_item(TableName=HOLDERS, Item=entry | keys.on_roster("vm07", scene.running.id))


@planted("roster_stale", repaired=True)
def the_roster_says_that_a_vm_does_not_restart(scene: VmScene) -> None:
    scene.set(HOLDERS, entry_of(scene.interrupted), restarts=None)


@planted("roster_stale", repaired=True)
def the_roster_says_that_a_term_ends_early(scene: VmScene) -> None:
    scene.set(HOLDERS, entry_of(scene.kept), term_ends_at=1)


@planted("roster_missing", repaired=True)
def a_vm_is_not_on_the_roster(scene: VmScene) -> None:
    scene.delete(HOLDERS, entry_of(scene.interrupted))


# Servers and disks


@planted("server_leaked")
def a_server_of_no_vm(scene: VmScene) -> None:
    put_server(scene, f"{NOBODY}-1", "host-vm07", 0)


@planted("server_leaked", repaired=True)
def a_server_of_an_earlier_run(scene: VmScene) -> None:
    put_server(scene, f"{scene.running.id}-0", "host-vm07", 0)


@planted("server_leaked", repaired=True)
def a_server_of_a_stopped_vm(scene: VmScene) -> None:
    put_server(scene, f"{scene.stopped.id}-1", "host-vm07", 0)


@planted("server_disagrees")
def a_server_has_other_gpus_than_its_vm(scene: VmScene) -> None:
    scene.set(SERVERS, server_keys.vm_server(scene.vm(scene.running).server_owner), gpus=1)


@planted("server_disagrees")
def a_host_with_a_vms_server_is_occupied_whole(scene: VmScene) -> None:
    leave_server(scene, scene.reservation().server_owner, "host-vm01")


@planted("server_disagrees")
def two_vms_servers_have_a_gpu(scene: VmScene) -> None:
    gpus = scene.vm(scene.running).gpus
    put_server(scene, scene.vm(scene.created).server_owner, "host-vm01", gpus.bit_length() - 1)


@planted("disk_leaked")
def a_disk_of_no_vm(scene: VmScene) -> None:
    scene.put(SERVERS, server_keys.vm_disk(NOBODY), storage_gb=50, template=1, host="host-vm07")


@planted("disk_leaked", repaired=True)
def a_disk_of_a_destroyed_vm(scene: VmScene) -> None:
    scene.put(SERVERS, server_keys.vm_disk(scene.destroyed.id), storage_gb=50, template=1, host="host-vm01")


# The list of the organization


@planted("listing_missing", repaired=True)
def a_vm_is_not_listed(scene: VmScene) -> None:
    scene.delete(HOLDERS, listing_of(scene.running))


@planted("listing_stale", repaired=True)
def a_vm_that_there_is_not_is_listed(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.vm_listing(ORGANIZATION, f"{1:012}#{NOBODY}", ended=False))


@planted("listing_stale", repaired=True)
def a_vm_is_listed_at_another_age(scene: VmScene) -> None:
    age = replace(scene.running, created_at=1).age
    scene.put(HOLDERS, keys.vm_listing(ORGANIZATION, age, ended=False))


@planted("listing_stale", repaired=True)
def a_vm_that_is_over_is_listed_among_the_others(scene: VmScene) -> None:
    scene.put(HOLDERS, listing_of(scene.destroyed))


# The index


@planted("unsettled_missing", repaired=True)
def a_new_vm_is_not_in_the_index(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.created), unsettled=None)


@planted("unsettled_missing", repaired=True)
def a_vm_that_stops_has_no_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.stopping), unsettled=None, unsettled_since=None)


@planted("unsettled_missing", repaired=True)
def a_destroyed_vm_with_gpus_has_no_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.dying), unsettled=None, unsettled_since=None)


# API keys, and what cannot be read


@planted("api_key_unlisted", repaired=True)
def an_api_key_is_not_listed(scene: VmScene) -> None:
    scene.delete(HOLDERS, keys.api_key_of(ORGANIZATION, scene.key.digest))


@planted("api_key_missing", repaired=True)
def a_listed_api_key_does_not_exist(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key_of(ORGANIZATION, "0" * 64), created_at=1)


@planted("api_key_missing", repaired=True)
def an_api_key_is_listed_by_another_organization(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key_of(NOBODY, scene.key.digest), created_at=1)


@planted("unreadable")
def a_vm_cannot_be_read(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.running), status="lost")


@planted("unreadable")
def an_entry_of_the_roster_cannot_be_read(scene: VmScene) -> None:
    scene.set(HOLDERS, entry_of(scene.running), status="lost")


@planted("unreadable")
def an_api_key_cannot_be_read(scene: VmScene) -> None:
    scene.set(HOLDERS, keys.api_key(scene.key.digest), scopes=["all"])


@planted("unreadable")
def ssh_keys_cannot_be_read(scene: VmScene) -> None:
    scene.set(HOLDERS, keys.ssh_keys(ORGANIZATION, "user-1"), keys=[["one"]])


@planted("unreadable")
def a_counter_of_an_earlier_version_cannot_be_read(scene: VmScene) -> None:
    scene.put(HOLDERS, {"pk": {"S": "RATE#d1"}, "sk": {"S": "read#29666666"}}, used="many")


@planted("provider_silent")
def a_server_cannot_be_read(scene: VmScene) -> None:
    scene.set(SERVERS, server_keys.vm_server(scene.vm(scene.running).server_owner), gpus="all")


@planted("unreadable")
def a_part_is_no_tag(scene: VmScene) -> None:
    scene.set(INVENTORY, NODE_POD, d6={"gshort": 1})
