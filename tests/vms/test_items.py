"""VMs and roster entries of existing tables are read as they were when they were written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.vms.items import (
    RosterEntry,
    decode_entry,
    decode_vm,
    encode_entry,
    encode_vm,
    listing_item,
    roster_entry,
)
from gpu_capacity.vms.record import AuthMethod, RentalType, Vm, VmStatus
from testkit.vms.record import OTHER, VM
from testkit.world import ORGANIZATION

BARE = {
    "pk": f"ORG#{ORGANIZATION}",
    "sk": f"VM#{VM.id}",
    "subject": "user-1",
    "node": "vm01",
    "region_id": VM.region_id,
    "flavor_id": VM.flavor_id,
    "pod_id": VM.pod_id,
    "position": 0,
    "host_id": "host-vm01",
    "gpu_type": "5090",
    "gpu_count": 2,
    "storage_gb": 100,
    "ram_gb": 1,
    "cpu_cores": 1,
    "cpu_model": "EPYC",
    "pcie_gen": "5.0",
    "template_vmid": 1,
    "rental_type": "on_demand",
    "auth_method": "ssh_key",
    "status": "running",
    "created_at": 1,
    "instance_label": "x",
    "gpus": 0b1100,
    "wants": 0,
    "runs": 1,
    "revision": 0,
    "attempt": 0,
    "waits_for": None,
    "held": keys.held_partition([VM.region_id], VM.id),
    "schema": 1,
}
OPTIONAL = {
    "rental_type": "reserved",
    "auth_method": "password",
    "status": "offline",
    "wants": 0b1111,
    "waits_for": [list(OTHER), ["o", "i"]],
    "preempted_by": list(OTHER),
    "offline_from": "stopped",
    "auto_restart": False,
    "reservation_id": "r",
    "ssh_key_id": "k",
    "ssh_public_key": "ssh-ed25519 AAAA",
    "password_hash": "$2b$",
    "failure": "the server failed",
    "ip_address": "192.0.2.1",
    "reservation_months": 3,
    "term_ends_at": 31,
    "started_at": 32,
    "stopped_at": 33,
    "preempt_at": 34,
    "unsettled_since": 35,
    "deadline": 36,
    "revision": 7,
    "attempt": 8,
    "unsettled": "3",
}
FULL = replace(
    VM,
    rental_type=RentalType.RESERVED,
    auth_method=AuthMethod.PASSWORD,
    status=VmStatus.OFFLINE,
    wants=0b1111,
    waits_for=(OTHER, ("o", "i")),
    preempted_by=OTHER,
    offline_from=VmStatus.STOPPED,
    auto_restart=False,
    reservation_id="r",
    ssh_key_id="k",
    ssh_public_key="ssh-ed25519 AAAA",
    password_hash="$2b$",
    failure="the server failed",
    ip_address="192.0.2.1",
    reservation_months=3,
    term_ends_at=31,
    started_at=32,
    stopped_at=33,
    preempt_at=34,
    unsettled_since=35,
    deadline=36,
    revision=7,
    attempt=8,
)


def test_a_vm_with_every_field_is_read_as_it_was_written() -> None:
    assert decode(encode_vm(FULL)) == BARE | OPTIONAL
    assert decode_vm(BARE | OPTIONAL) == FULL


def test_absent_fields_are_not_stored() -> None:
    item = {name: value for name, value in BARE.items() if value is not None}

    assert decode(encode_vm(VM)) == item
    assert decode_vm(item) == VM


def test_the_record_of_a_vm_that_is_over_expires_and_so_does_its_entry() -> None:
    over = replace(VM, status=VmStatus.DESTROYED, gpus=0, expires_at=37)

    assert decode(encode_vm(over))["ttl_sweep_at"] == 37
    assert "held" not in encode_vm(over)
    assert decode_vm(decode(encode_vm(over))) == over
    assert decode(listing_item(over)) == {
        "pk": f"ORG#{ORGANIZATION}",
        "sk": f"VMENDED#000000000001#{VM.id}",
        "ttl_sweep_at": 37,
    }
    assert decode(listing_item(VM)) == {
        "pk": f"ORG#{ORGANIZATION}",
        "sk": f"VMLIVE#000000000001#{VM.id}",
    }


@pytest.mark.parametrize("answer", [True, False, None])
def test_automatic_restart_is_stored(*, answer: bool | None) -> None:
    vm = replace(VM, auto_restart=answer)

    assert decode_vm(decode(encode_vm(vm))).auto_restart is answer


ENTRY = RosterEntry(ORGANIZATION, VM.id, "vm01", "host-vm01", VmStatus.RUNNING, 1, False, None)  # noqa: FBT003


def test_an_entry_has_only_the_fields_that_the_vm_has() -> None:
    item = {
        "pk": "VMS",
        "sk": f"vm01#{VM.id}",
        "organization": ORGANIZATION,
        "vm": VM.id,
        "node": "vm01",
        "host": "host-vm01",
        "status": "running",
        "created_at": 1,
    }

    assert roster_entry(VM) == ENTRY
    assert decode(encode_entry(ENTRY)) == item
    assert decode_entry(item) == ENTRY
    full = replace(ENTRY, restarts=True, term_ends_at=9)
    assert decode(encode_entry(full)) == item | {"restarts": True, "term_ends_at": 9}
    assert decode_entry(item | {"restarts": True, "term_ends_at": 9}) == full


@pytest.mark.parametrize(
    ("status", "answer", "restarts"),
    [
        (VmStatus.INTERRUPTED, True, True),
        (VmStatus.INTERRUPTED, False, False),
        (VmStatus.INTERRUPTED, None, False),
        (VmStatus.STOPPED, True, False),
        (VmStatus.RUNNING, True, False),
    ],
)
def test_only_an_interrupted_vm_with_automatic_restart_waits_to_be_started_again(
    status: VmStatus, *, answer: bool | None, restarts: bool
) -> None:
    entry = roster_entry(replace(VM, status=status, auto_restart=answer))

    assert entry is not None
    assert entry.restarts is restarts


@pytest.mark.parametrize(
    ("rental", "ends"),
    [(RentalType.RESERVED, 9), (RentalType.ON_DEMAND, None), (RentalType.INTERRUPTIBLE, None)],
)
def test_an_ended_term_is_not_on_the_roster(rental: RentalType, ends: int | None) -> None:
    entry = roster_entry(replace(VM, rental_type=rental, term_ends_at=9))

    assert entry is not None
    assert entry.term_ends_at == ends


@pytest.mark.parametrize(
    ("vm", "listed"),
    [
        (VM, True),
        (replace(VM, status=VmStatus.DESTROYED), True),
        (replace(VM, status=VmStatus.DESTROYED, gpus=0), False),
        (replace(VM, status=VmStatus.FAILED, gpus=0), False),
        (replace(VM, status=VmStatus.STOPPED, gpus=0), True),
    ],
    ids=["running", "destroyed, holds GPUs", "destroyed", "failed", "stopped"],
)
def test_the_roster_has_vms_that_hold_gpus_or_could_be_restarted(vm: Vm, *, listed: bool) -> None:
    assert (roster_entry(vm) is not None) is listed
