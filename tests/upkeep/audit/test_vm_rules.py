"""The rules about VMs over plain values: no database, no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.items import PodOwners
from gpu_capacity.providers.port import Hold, HoldState, VmServer, VmServerState
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.facts import Facts, Side, Table
from gpu_capacity.upkeep.audit.findings import Finding, Kind, ReleasePart, TakeAway
from gpu_capacity.vms.items import roster_entry
from gpu_capacity.vms.record import RentalType, Vm, VmStatus
from testkit.vms.record import OTHER, VM
from testkit.vms.scene import GPU5090, POD, REGION, nodes
from testkit.world import ORGANIZATION

CLAIMS = Side.of(Table.INVENTORY, keys.owners(REGION, GPU5090.id, POD))
RECORD = Side.of(Table.HOLDERS, keys.vm(*VM.key))
SERVER = VmServer(VM.server_owner, "host-vm01", 0b1100, VmServerState.READY)


def _facts(vm: Vm = VM, owners: dict[str, int] | None = None, **changes: Any) -> Facts:
    """The facts about one VM, with its node as its record has it, unless given otherwise."""
    entry = roster_entry(vm)
    parts = {vm.tag: vm.gpus} if owners is None else owners
    held: dict[int, bytes | dict[str, int]] = (
        {0: {t: m for t, m in parts.items() if m}} if any(parts.values()) else {}
    )
    facts = Facts(
        owners={CLAIMS: PodOwners(POD, 1, held)},
        pods={CLAIMS: nodes()},
        holders={RECORD: vm},
        tags={RECORD: vm.tag},
        shards={RECORD: keys.unsettled_shard(vm.id)} if vm.unsettled_since is not None else {},
        roster={Side.of(Table.HOLDERS, keys.on_roster(vm.node, vm.id)): entry} if entry else {},
        vm_listings=listed(vm),
    )
    return replace(facts, **changes)


def listed(*vms: Vm) -> frozenset[Side]:
    """The entries of these VMs in the lists of their organizations."""
    return frozenset(
        Side.of(Table.HOLDERS, keys.vm_listing(vm.organization_id, vm.age, ended=False)) for vm in vms
    )


def _vm(status: str, gpus: int = 0b1100, **changes: Any) -> Vm:
    return replace(VM, status=VmStatus(status), gpus=gpus, **changes)


def _kinds(facts: Facts) -> list[Kind]:
    return [finding.kind for finding in findings_of(facts)]


WORK: dict[str, Any] = {"unsettled_since": 5}
RESERVED: dict[str, Any] = {"rental_type": RentalType.RESERVED, "term_ends_at": 9}
WAITS: dict[str, Any] = {**WORK, "waits_for": (OTHER,)}


@pytest.mark.parametrize(
    "vm",
    [
        _vm("creating", **WORK),
        _vm("creating", 0, **WORK, failure="no"),
        _vm("starting", 0b0100, **WORK, failure="no"),
        _vm("starting", **WORK),
        _vm("running"),
        _vm("running", **RESERVED),
        _vm("stopping", **WORK),
        _vm("stopped", 0),
        _vm("stopped", **RESERVED),
        _vm("stopped", 0, term_ends_at=1),
        _vm("interrupted", 0),
        _vm("interrupted", 0, **WORK),
        _vm("failed", 0),
        _vm("destroyed", **WORK),
        _vm("destroyed", 0, **WORK),
        _vm("destroyed", 0),
        _vm("destroyed", 0, offline_from=VmStatus.RUNNING),
        _vm("offline", offline_from=VmStatus.RUNNING),
        _vm("offline", 0, offline_from=VmStatus.STOPPED),
        _vm("offline", **RESERVED, offline_from=VmStatus.STOPPED),
        _vm("offline", 0, offline_from=VmStatus.INTERRUPTED),
    ],
    ids=lambda vm: f"{vm.status}-{vm.gpus}-{vm.rental_type}-{vm.offline_from}",
)
def test_a_vm_in_any_status_may_be_consistent(vm: Vm) -> None:
    assert findings_of(_facts(vm)) == []


@pytest.mark.parametrize(
    "vm",
    [
        _vm("creating", 0, **WORK),
        _vm("creating", 0b0100, **WORK),
        _vm("starting", 0b0110, **WORK),
        _vm("running", 0),
        _vm("running", 0b0100),
        _vm("running", 0b0110),
        _vm("running", 0b1111),
        _vm("running", **WORK),
        _vm("running", wants=0b1100),
        _vm("running", preempt_at=5),
        _vm("running", rental_type=RentalType.RESERVED),
        _vm("running", waits_for=(OTHER,), wants=0b1100),
        _vm("stopping", 0, **WORK),
        _vm("stopped"),
        _vm("stopped", 0, **RESERVED),
        _vm("stopped", 0, **WORK),
        _vm("interrupted"),
        _vm("failed"),
        _vm("failed", 0, **WORK),
        _vm("failed", 0, expires_at=9),
        _vm("destroyed", expires_at=9),
        _vm("destroyed", 0, **WORK, expires_at=9),
        _vm("offline"),
        _vm("offline", offline_from=VmStatus.STOPPED),
        _vm("offline", 0, offline_from=VmStatus.RUNNING),
    ],
    ids=lambda vm: f"{vm.status}-{vm.gpus}-{vm.rental_type}-{vm.offline_from}-{vm.unsettled_since}",
)
def test_a_vm_whose_status_does_not_fit_its_fields_is_contradictory(vm: Vm) -> None:
    assert Kind.CONTRADICTORY in _kinds(_facts(vm))


# Lists


def test_a_vm_that_is_over_is_a_finding_in_the_list_of_live_ones() -> None:
    over = _vm("destroyed", 0, expires_at=9)
    assert findings_of(_facts(over, vm_listings=frozenset())) == []
    assert _kinds(_facts(over)) == [Kind.LISTING_STALE]


def test_while_a_record_or_an_entry_is_unreadable_no_list_is_judged() -> None:
    entries = listed(VM)
    assert _kinds(Facts(vm_listings=entries, unreadable=frozenset({RECORD}))) == [Kind.UNREADABLE]
    assert _kinds(_facts(VM, vm_listings=frozenset(), unreadable=entries)) == [Kind.UNREADABLE]


# Notices


def _waiting(gpus: int = 0, wants: int = 0b1100, **changes: Any) -> Facts:
    """The VM waits for another one, which holds GPUs 0 to 3 and has notice."""
    new_vm = _vm("creating", gpus, **WAITS, wants=wants)
    reported: dict[str, Any] = {"preempt_at": 9, "preempted_by": VM.key, **changes}
    victim = replace(
        VM, id=OTHER[1], gpu_count=4, gpus=0b1111, rental_type=RentalType.INTERRUPTIBLE, **reported
    )
    mine, its = _facts(new_vm, {victim.tag: 0b1111, VM.tag: gpus}), _facts(victim)
    side = Side.of(Table.HOLDERS, keys.vm(*OTHER))
    return replace(
        mine,
        holders={**mine.holders, side: victim},
        tags={**mine.tags, side: victim.tag},
        roster={**mine.roster, **its.roster},
        vm_listings=mine.vm_listings | its.vm_listings,
    )


def test_a_preemptor_that_waits_for_a_vm_with_notice_is_consistent() -> None:
    assert findings_of(_waiting()) == []


def test_a_preemptor_that_waits_for_a_vm_without_notice_waits_forever() -> None:
    assert _kinds(_waiting(preempt_at=None, preempted_by=None)) == [Kind.NOTICE_MISSING]


def test_a_victim_whose_preemptor_does_not_wait_for_it_has_a_notice_too_many() -> None:
    facts = _waiting(preempted_by=(ORGANIZATION, "nobody"))
    assert _kinds(facts) == [Kind.NOTICE_MISSING, Kind.NOTICE_STALE]


@pytest.mark.parametrize("wants", [0b110000, 0b0110, 0b0100, 0])
def test_a_preemptor_must_wait_for_a_slice_that_its_victims_leave(wants: int) -> None:
    assert _kinds(_waiting(wants=wants)) == [Kind.CONTRADICTORY]


def test_while_a_record_is_unreadable_no_notice_is_judged() -> None:
    facts = _waiting(preempt_at=None, preempted_by=None)
    other = Side.of(Table.HOLDERS, keys.vm(*OTHER))
    holders = {side: holder for side, holder in facts.holders.items() if side != other}
    assert Kind.NOTICE_MISSING not in _kinds(replace(facts, holders=holders, unreadable=frozenset({other})))


# Ownership


def _leak(facts: Facts) -> Finding:
    (finding,) = (f for f in findings_of(facts) if f.kind is Kind.LEAKED)
    return finding


@pytest.mark.parametrize(("tag", "gpus"), [("g" + "ab" * 8, 0b11), ("ab" * 8, 0xFF)], ids=["GPUs", "a host"])
def test_leaked_gpus_are_freed_only_if_no_server_of_a_vm_is_on_them(tag: str, gpus: int) -> None:
    repair = _leak(_facts(_vm("stopped", 0), {tag: 0b11})).repair
    assert isinstance(repair, ReleasePart)
    assert (repair.hosts, repair.gpus) == (("host-vm01",), gpus)


@pytest.mark.parametrize(
    ("vm", "safe"),
    [
        (_vm("destroyed", 0), True),
        (_vm("failed", 0), True),
        (_vm("destroyed", 0, **WORK), False),
        (_vm("stopped", 0), False),
        (_vm("interrupted", 0), False),
    ],
)
def test_gpus_of_a_vm_are_freed_only_if_it_can_never_have_any_again(vm: Vm, *, safe: bool) -> None:
    assert (_leak(_facts(vm, {vm.tag: 0b1100})).repair is not None) is safe


@pytest.mark.parametrize(("tag", "mask"), [("ab" * 8, 1), ("g" + "ab" * 8, 0b0100)])
def test_a_gpu_owned_twice_is_reported_once_and_not_beside_its_host(tag: str, mask: int) -> None:
    assert Kind.DOUBLE in _kinds(_facts(owners={VM.tag: VM.gpus, tag: mask}))


def test_different_gpus_of_a_node_are_not_owned_twice() -> None:
    assert Kind.DOUBLE not in _kinds(_facts(owners={VM.tag: VM.gpus, "g" + "ab" * 8: 0b0011}))


# Servers


@pytest.mark.parametrize(
    ("vm", "live"),
    [
        (_vm("running"), True),
        (_vm("starting", **WORK), True),
        (_vm("interrupted", 0, **WORK), True),
        (_vm("destroyed", **WORK), True),
        (_vm("offline", offline_from=VmStatus.RUNNING), True),
        (_vm("offline", 0, offline_from=VmStatus.STOPPED), False),
        (_vm("interrupted", 0), False),
        (_vm("stopped", 0), False),
        (_vm("failed", 0), False),
        (_vm("destroyed", 0), False),
        (_vm("running", runs=2), False),
    ],
)
def test_a_server_is_consistent_until_the_teardown_of_its_run_is_over(vm: Vm, *, live: bool) -> None:
    facts = _facts(vm, vm_servers=(SERVER,))
    assert _kinds(facts) == ([] if live else [Kind.SERVER_LEAKED])
    going = replace(SERVER, state=VmServerState.DELETING)
    assert findings_of(replace(facts, vm_servers=(going,))) == []


@pytest.mark.parametrize(
    ("vm", "needs_word"),
    [
        (_vm("stopped", 0), False),
        (_vm("running", runs=2), False),
        (_vm("offline", 0, offline_from=None), True),
        (None, True),
    ],
)
def test_a_server_may_be_deleted_only_if_a_record_says_that_its_run_is_over(
    vm: Vm | None, *, needs_word: bool
) -> None:
    facts = _facts(vm) if vm else Facts()
    found = findings_of(replace(facts, vm_servers=(SERVER,)))
    (repair,) = (f.repair for f in found if f.kind is Kind.SERVER_LEAKED)
    assert isinstance(repair, TakeAway)
    assert repair.needs_word is needs_word


@pytest.mark.parametrize("server", [replace(SERVER, gpus=0b0100), replace(SERVER, host_id="host-vm02")])
def test_a_server_must_be_where_its_record_says(server: VmServer) -> None:
    assert _kinds(_facts(vm_servers=(SERVER,))) == []
    assert _kinds(_facts(vm_servers=(server,))) == [Kind.SERVER_DISAGREES]


@pytest.mark.parametrize(("gpus", "kinds"), [(0b0011, []), (0b0110, [Kind.SERVER_DISAGREES])])
def test_a_gpu_has_one_server(gpus: int, kinds: list[Kind]) -> None:
    other = VmServer(f"{OTHER[1]}-1", "host-vm01", gpus, VmServerState.STARTING)
    found = _kinds(_facts(vm_servers=(SERVER, other)))
    assert [kind for kind in found if kind is not Kind.SERVER_LEAKED] == kinds


def test_a_held_host_has_no_vms() -> None:
    hold = Hold("somebody-1", "host-vm01", HoldState.HELD)
    assert Kind.SERVER_DISAGREES in _kinds(_facts(vm_servers=(SERVER,), holds=(hold,)))


def test_a_server_whose_name_is_not_a_run_has_no_holder() -> None:
    odd = VmServer("odd", "host", 1, VmServerState.READY)
    assert _kinds(_facts(vm_servers=(odd,))) == [Kind.SERVER_LEAKED]


def test_the_server_of_an_unreadable_vm_is_not_judged() -> None:
    facts = Facts(vm_servers=(SERVER,), disks=frozenset({VM.id}), unreadable=frozenset({RECORD}))
    assert _kinds(facts) == [Kind.UNREADABLE]


@pytest.mark.parametrize(
    ("vm", "needs_word"),
    [
        (_vm("running"), None),
        (_vm("destroyed", **WORK), None),
        (_vm("failed", 0), None),
        (_vm("destroyed", 0), False),
        (None, True),
    ],
)
def test_a_disk_is_left_behind_if_neither_its_vm_nor_its_server_is_left(
    vm: Vm | None, *, needs_word: bool | None
) -> None:
    facts = replace(_facts(vm) if vm else Facts(), disks=frozenset({VM.id}))
    found = [f.repair for f in findings_of(facts) if f.kind is Kind.DISK_LEAKED]
    assert [repair.needs_word for repair in found if isinstance(repair, TakeAway)] == (
        [] if needs_word is None else [needs_word]
    )
