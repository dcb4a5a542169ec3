"""The same for VMs: corruptions planted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.vms.items import encode_entry
from testkit.vms import scene as nodes
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, SERVERS
from tests.upkeep.audit.planted import Planted
from tests.upkeep.audit.scene import STRANGER, leave_server
from tests.upkeep.audit.vm_scene import NODE_POD, VmScene

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.vms.items import RosterEntry
    from gpu_capacity.vms.record import Vm

NOBODY: Final = "aaaaaaaa-2222-4333-8444-555555555555"
NOBODYS_GPUS: Final = "g" + STRANGER.hex()
FREE: Final = 6
"""Position of the node that nobody has anything of."""


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


def two_vms_list_a_gpu(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.stopping), gpus=scene.vm(scene.dying).gpus)


def a_node_has_a_gpu_twice(scene: VmScene) -> None:
    scene.own(4, {**scene.owners(4), scene.stopping.tag: 3})


def a_reservation_lists_a_node_with_vms(scene: VmScene) -> None:
    key = keys.reservation(ORGANIZATION, scene.pending)
    scene.set(HOLDERS, key, region=nodes.REGION, flavor=nodes.GPU5090.id, pod=nodes.POD, start=0)


def a_node_with_vms_is_owned_as_a_host(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), STRANGER.hex(): 1})


# Leaked


def gpus_of_nobody_are_owned(scene: VmScene) -> None:
    scene.own(FREE, {NOBODYS_GPUS: 3})


def a_node_of_nobody_is_owned(scene: VmScene) -> None:
    scene.own(FREE, STRANGER)


def a_destroyed_vm_owns_a_gpu(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.destroyed.tag: 4})


def a_failed_vm_owns_its_node(scene: VmScene) -> None:
    scene.own(5, {scene.failed.tag: 255})


def a_stopped_vm_owns_a_gpu(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.stopped.tag: 4})


def gpus_with_a_server_on_them_leak(scene: VmScene) -> None:
    gpus_of_nobody_are_owned(scene)
    put_server(scene, f"{NOBODY}-1", "host-vm07", 1)


def a_node_with_a_vms_server_on_it_leaks(scene: VmScene) -> None:
    a_node_of_nobody_is_owned(scene)
    put_server(scene, f"{NOBODY}-1", "host-vm07", 7)


def the_record_of_a_running_vm_was_deleted(scene: VmScene) -> None:
    scene.delete(HOLDERS, record(scene.running))


# Orphaned


def the_gpus_of_a_vm_are_free(scene: VmScene) -> None:
    scene.own(0, {scene.kept.tag: scene.vm(scene.kept).gpus})


def half_of_the_gpus_of_a_vm_are_free(scene: VmScene) -> None:
    scene.own(0, {**scene.owners(0), scene.kept.tag: 0x30})


def the_node_of_a_vm_is_free(scene: VmScene) -> None:
    scene.own(2, None)


def the_gpus_of_a_vm_are_somebody_elses(scene: VmScene) -> None:
    scene.own(2, {NOBODYS_GPUS: 255})


def the_node_of_a_vm_is_owned_whole(scene: VmScene) -> None:
    scene.own(2, STRANGER)


# Records


def a_stopped_vm_keeps_a_gpu(scene: VmScene) -> None:
    a_stopped_vm_owns_a_gpu(scene)
    scene.set(HOLDERS, record(scene.stopped), gpus=4)


def a_running_vm_has_no_gpus(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.newcomer), gpus=0)


def a_running_vm_has_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.running), unsettled="1", unsettled_since=5)


def a_vm_waits_for_what_nobody_leaves(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), gpus=0xF0, gpu_count=4)
    scene.own(1, {scene.leaving.tag: 0xF0})


def a_reserved_vm_has_no_term(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.kept), term_ends_at=None)


def an_offline_vm_was_nothing_before(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.offline), offline_from=None)


def a_notice_has_no_end(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), preempt_at=None)


# Notices


def a_vm_was_told_to_leave_for_one_that_runs(scene: VmScene) -> None:
    key = [ORGANIZATION, scene.running.id]
    scene.set(HOLDERS, record(scene.newcomer), preempt_at=1, preempted_by=key)


def the_record_of_a_waiting_vm_was_deleted(scene: VmScene) -> None:
    scene.delete(HOLDERS, record(scene.next_vm))


def a_vm_that_is_waited_for_was_not_told(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.leaving), preempt_at=None, preempted_by=None)


# The roster


def the_roster_has_a_vm_that_there_is_not(scene: VmScene) -> None:
    entry = encode_entry(_entry(scene, scene.running))
    scene.db.put_item(TableName=HOLDERS, Item=entry | keys.on_roster("vm07", NOBODY) | {"vm": {"S": NOBODY}})


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


def the_roster_has_a_vm_on_two_nodes(scene: VmScene) -> None:
    entry = encode_entry(_entry(scene, scene.running)) | {"node": {"S": "vm07"}}
    scene.db.put_item(TableName=HOLDERS, Item=entry | keys.on_roster("vm07", scene.running.id))


def the_roster_says_that_a_vm_does_not_restart(scene: VmScene) -> None:
    scene.set(HOLDERS, entry_of(scene.interrupted), restarts=None)


def the_roster_says_that_a_term_ends_early(scene: VmScene) -> None:
    scene.set(HOLDERS, entry_of(scene.kept), term_ends_at=1)


def a_vm_is_not_on_the_roster(scene: VmScene) -> None:
    scene.delete(HOLDERS, entry_of(scene.interrupted))


# Servers and disks


def a_server_of_no_vm(scene: VmScene) -> None:
    put_server(scene, f"{NOBODY}-1", "host-vm07", 0)


def a_server_of_an_earlier_run(scene: VmScene) -> None:
    put_server(scene, f"{scene.running.id}-0", "host-vm07", 0)


def a_server_of_a_stopped_vm(scene: VmScene) -> None:
    put_server(scene, f"{scene.stopped.id}-1", "host-vm07", 0)


def a_server_has_other_gpus_than_its_vm(scene: VmScene) -> None:
    scene.set(SERVERS, server_keys.vm_server(scene.vm(scene.running).server_owner), gpus=1)


def a_host_with_a_vms_server_is_occupied_whole(scene: VmScene) -> None:
    leave_server(scene, scene.reservation().server_owner, "host-vm01")


def two_vms_servers_have_a_gpu(scene: VmScene) -> None:
    gpus = scene.vm(scene.running).gpus
    put_server(scene, scene.vm(scene.created).server_owner, "host-vm01", gpus.bit_length() - 1)


def a_disk_of_no_vm(scene: VmScene) -> None:
    scene.put(SERVERS, server_keys.vm_disk(NOBODY), storage_gb=50, template=1, host="host-vm07")


def a_disk_of_a_destroyed_vm(scene: VmScene) -> None:
    scene.put(SERVERS, server_keys.vm_disk(scene.destroyed.id), storage_gb=50, template=1, host="host-vm01")


# The list of the organization


def a_vm_is_not_listed(scene: VmScene) -> None:
    scene.delete(HOLDERS, listing_of(scene.running))


def a_vm_that_there_is_not_is_listed(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.vm_listing(ORGANIZATION, f"{1:012}#{NOBODY}", ended=False))


def a_vm_is_listed_at_another_age(scene: VmScene) -> None:
    age = replace(scene.running, created_at=1).age
    scene.put(HOLDERS, keys.vm_listing(ORGANIZATION, age, ended=False))


def a_vm_that_is_over_is_listed_among_the_others(scene: VmScene) -> None:
    scene.put(HOLDERS, listing_of(scene.destroyed))


# The index


def a_new_vm_is_not_in_the_index(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.created), unsettled=None)


def a_vm_that_stops_has_no_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.stopping), unsettled=None, unsettled_since=None)


def a_destroyed_vm_with_gpus_has_no_work(scene: VmScene) -> None:
    scene.set(HOLDERS, record(scene.dying), unsettled=None, unsettled_since=None)


# API keys, and what cannot be read


def an_api_key_is_not_listed(scene: VmScene) -> None:
    scene.delete(HOLDERS, keys.api_key_of(ORGANIZATION, scene.key.digest))


def a_listed_api_key_does_not_exist(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key_of(ORGANIZATION, "0" * 64), created_at=1)


def an_api_key_is_listed_by_another_organization(scene: VmScene) -> None:
    scene.put(HOLDERS, keys.api_key_of(NOBODY, scene.key.digest), created_at=1)


def _unreadable(key: Callable[[VmScene], Key], table: str = HOLDERS, **broken: Any) -> Callable[..., None]:
    def plant(scene: VmScene) -> None:
        scene.set(table, key(scene), **broken)

    return plant


def _api_key(scene: VmScene) -> Key:
    return keys.api_key(scene.key.digest)


def _rate_counter(scene: VmScene) -> Key:
    """As earlier versions wrote them."""
    key: Key = {"pk": {"S": "RATE#d1"}, "sk": {"S": "read#29666666"}}
    scene.db.put_item(TableName=HOLDERS, Item=key)
    return key


def a_part_is_no_tag(scene: VmScene) -> None:
    scene.set(INVENTORY, NODE_POD, d6={"gshort": 1})


def case(name: str, plant: Callable[[VmScene], None], kinds: str, *, repaired: bool = False) -> Planted:
    return Planted(name, plant, tuple(kinds.split()), repaired, VmScene)  # type: ignore[arg-type]


PLANTED_VMS: Final = (
    case("two VMs list a GPU", two_vms_list_a_gpu, "double leaked orphaned server_disagrees"),
    case("a GPU twice", a_node_has_a_gpu_twice, "double leaked"),
    case("a reservation on VMs", a_reservation_lists_a_node_with_vms, "double double leaked orphaned"),
    case("a host with VMs", a_node_with_vms_is_owned_as_a_host, "double double leaked"),
    case("GPUs of nobody", gpus_of_nobody_are_owned, "leaked", repaired=True),
    case("a node of nobody", a_node_of_nobody_is_owned, "leaked", repaired=True),
    case("a GPU of a destroyed VM", a_destroyed_vm_owns_a_gpu, "leaked", repaired=True),
    case("a node of a failed VM", a_failed_vm_owns_its_node, "leaked", repaired=True),
    case("a GPU of a stopped VM", a_stopped_vm_owns_a_gpu, "leaked"),
    case("leaked GPUs with a server", gpus_with_a_server_on_them_leak, "leaked server_leaked"),
    case("a leaked node with a server", a_node_with_a_vms_server_on_it_leaks, "leaked server_leaked"),
    case(
        "a deleted VM",
        the_record_of_a_running_vm_was_deleted,
        "disk_leaked leaked listing_stale roster_stale server_leaked",
    ),
    case("GPUs that are free", the_gpus_of_a_vm_are_free, "orphaned", repaired=True),
    case("half that is free", half_of_the_gpus_of_a_vm_are_free, "orphaned", repaired=True),
    case("a node that is free", the_node_of_a_vm_is_free, "orphaned", repaired=True),
    case("GPUs of another", the_gpus_of_a_vm_are_somebody_elses, "leaked orphaned"),
    case("a node of another", the_node_of_a_vm_is_owned_whole, "leaked orphaned"),
    case("stopped, with a GPU", a_stopped_vm_keeps_a_gpu, "contradictory"),
    case("running, without GPUs", a_running_vm_has_no_gpus, "contradictory leaked server_disagrees"),
    case("running, with work", a_running_vm_has_work, "contradictory"),
    case("waiting in vain", a_vm_waits_for_what_nobody_leaves, "contradictory server_disagrees"),
    case("reserved for no term", a_reserved_vm_has_no_term, "contradictory roster_stale"),
    case("offline from nothing", an_offline_vm_was_nothing_before, "contradictory server_leaked"),
    case("a notice without end", a_notice_has_no_end, "contradictory"),
    case("a stale notice", a_vm_was_told_to_leave_for_one_that_runs, "notice_stale", repaired=True),
    case(
        "a deleted newcomer",
        the_record_of_a_waiting_vm_was_deleted,
        "listing_stale notice_stale roster_stale",
        repaired=True,
    ),
    case("a missing notice", a_vm_that_is_waited_for_was_not_told, "notice_missing"),
    case("a VM of nobody", the_roster_has_a_vm_that_there_is_not, "roster_stale", repaired=True),
    case("a destroyed VM", the_roster_has_a_vm_that_is_destroyed, "roster_stale", repaired=True),
    case("a VM on two nodes", the_roster_has_a_vm_on_two_nodes, "roster_stale", repaired=True),
    case("no restart", the_roster_says_that_a_vm_does_not_restart, "roster_stale", repaired=True),
    case("an early term", the_roster_says_that_a_term_ends_early, "roster_stale", repaired=True),
    case("not in the list", a_vm_is_not_listed, "listing_missing", repaired=True),
    case("a listed VM of nobody", a_vm_that_there_is_not_is_listed, "listing_stale", repaired=True),
    case("a VM listed twice", a_vm_is_listed_at_another_age, "listing_stale", repaired=True),
    case(
        "a listed VM that is over",
        a_vm_that_is_over_is_listed_among_the_others,
        "listing_stale",
        repaired=True,
    ),
    case("not on the roster", a_vm_is_not_on_the_roster, "roster_missing", repaired=True),
    case("a VM's server of nobody", a_server_of_no_vm, "server_leaked"),
    case("a server of an earlier run", a_server_of_an_earlier_run, "server_leaked", repaired=True),
    case("a server of a stopped VM", a_server_of_a_stopped_vm, "server_leaked", repaired=True),
    case("other GPUs", a_server_has_other_gpus_than_its_vm, "server_disagrees"),
    case("a VM on an occupied host", a_host_with_a_vms_server_is_occupied_whole, "server_disagrees"),
    case("two VMs on a GPU", two_vms_servers_have_a_gpu, "server_disagrees"),
    case("a disk of nobody", a_disk_of_no_vm, "disk_leaked"),
    case("a disk of a destroyed VM", a_disk_of_a_destroyed_vm, "disk_leaked", repaired=True),
    case("a VM not in the index", a_new_vm_is_not_in_the_index, "unsettled_missing", repaired=True),
    case("stopping, without work", a_vm_that_stops_has_no_work, "unsettled_missing", repaired=True),
    case("destroyed, without work", a_destroyed_vm_with_gpus_has_no_work, "unsettled_missing", repaired=True),
    case("an unlisted key", an_api_key_is_not_listed, "api_key_unlisted", repaired=True),
    case("a key that is not", a_listed_api_key_does_not_exist, "api_key_missing", repaired=True),
    case("another's key", an_api_key_is_listed_by_another_organization, "api_key_missing", repaired=True),
    case("an unreadable VM", _unreadable(lambda s: record(s.running), status="lost"), "unreadable"),
    case("an unreadable entry", _unreadable(lambda s: entry_of(s.running), status="lost"), "unreadable"),
    case(
        "an unreadable key", _unreadable(lambda s: keys.api_key(s.key.digest), scopes=["all"]), "unreadable"
    ),
    case(
        "unreadable SSH keys",
        _unreadable(lambda _: keys.ssh_keys(ORGANIZATION, "user-1"), keys=[["one"]]),
        "unreadable",
    ),
    case("an unreadable counter", _unreadable(_rate_counter, used="many"), "unreadable"),
    case(
        "an unreadable server",
        _unreadable(lambda s: server_keys.vm_server(s.vm(s.running).server_owner), SERVERS, gpus="all"),
        "provider_silent",
    ),
    case("a part that is no tag", a_part_is_no_tag, "unreadable"),
)
