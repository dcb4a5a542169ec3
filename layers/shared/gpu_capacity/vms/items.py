"""Encodes a VM as an item of the holders table and decodes it, and the same for its roster entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    SCHEMA,
    binary_or_none,
    decoder,
    flag,
    rows,
    second,
    second_or_none,
    text,
    text_or_none,
    texts,
    whole,
    whole_or_none,
)
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.vms.record import AuthMethod, RentalType, Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.vms.record import VmKey

_TEXTS = (
    "subject",
    "node",
    "region_id",
    "flavor_id",
    "pod_id",
    "host_id",
    "gpu_type",
    "cpu_model",
    "pcie_gen",
    "instance_label",
)
_NUMBERS = (
    "position",
    "gpu_count",
    "storage_gb",
    "ram_gb",
    "cpu_cores",
    "template_vmid",
    "gpus",
    "wants",
    "runs",
    "revision",
    "attempt",
)
_SECONDS = ("created_at",)
_TEXTS_OR_NONE = (
    "reservation_id",
    "ssh_key_id",
    "ssh_public_key",
    "password_hash",
    "failure",
    "ip_address",
    "fingerprint",
    "removal",
)
_NUMBERS_OR_NONE = ("reservation_months",)
_SECONDS_OR_NONE = (
    "term_ends_at",
    "started_at",
    "stopped_at",
    "preempt_at",
    "unsettled_since",
    "deadline",
)
_PLAIN = (*_TEXTS, *_NUMBERS, *_SECONDS, *_TEXTS_OR_NONE, *_NUMBERS_OR_NONE, *_SECONDS_OR_NONE)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """What schedules need to know of a VM to decide whether to read its record.

    ``created_at`` and ``term_ends_at`` are seconds since the epoch. ``restarts``: it waits for its automatic
    restart. ``term_ends_at`` is None unless a term runs.
    """

    organization_id: str
    vm_id: str
    node: str
    host_id: str
    status: VmStatus
    created_at: int
    restarts: bool
    term_ends_at: int | None

    @property
    def key(self) -> VmKey:
        """The key of the record."""
        return self.organization_id, self.vm_id


def encode_vm(vm: Vm) -> Item:
    """The whole record as an item."""
    plain = {name: getattr(vm, name) for name in _PLAIN}
    return keys.vm(vm.organization_id, vm.id) | encode(
        {
            **plain,
            "rental_type": vm.rental_type.value,
            "auth_method": vm.auth_method.value,
            "status": vm.status.value,
            "auto_restart": vm.auto_restart,
            "counted": list(vm.counted) or None,
            "waits_for": [list(key) for key in vm.waits_for] or None,
            "preempted_by": list(vm.preempted_by) if vm.preempted_by else None,
            "offline_from": vm.offline_from.value if vm.offline_from else None,
            "unsettled": None if vm.unsettled_since is None else keys.unsettled_shard(vm.id),
            "held": None if vm.expires_at else keys.held_partition((vm.region_id,), vm.id),
            TTL_ATTRIBUTE: vm.expires_at,
            "schema": SCHEMA,
            "life": vm.life,
        }
    )


@decoder
def decode_vm(item: Mapping[str, Any]) -> Vm:
    """The VM of an item that is no tombstone."""
    plain: dict[str, Any] = {name: text(item, name) for name in _TEXTS}
    plain |= {name: whole(item, name) for name in _NUMBERS}
    plain |= {name: second(item, name) for name in _SECONDS}
    plain |= {name: text_or_none(item, name) for name in _TEXTS_OR_NONE}
    plain |= {name: whole_or_none(item, name) for name in _NUMBERS_OR_NONE}
    plain |= {name: second_or_none(item, name) for name in _SECONDS_OR_NONE}
    return Vm(
        id=item["sk"].removeprefix(keys.VM_PREFIX),
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        rental_type=RentalType(text(item, "rental_type")),
        auth_method=AuthMethod(text(item, "auth_method")),
        status=VmStatus(text(item, "status")),
        auto_restart=flag(item, "auto_restart") if "auto_restart" in item else None,
        waits_for=tuple((key[0], key[1]) for key in rows(item.get("waits_for", ()), str, str)),
        preempted_by=_key_or_none(item, "preempted_by"),
        counted=texts(item["counted"]) if "counted" in item else (),
        offline_from=VmStatus(text(item, "offline_from")) if "offline_from" in item else None,
        expires_at=second_or_none(item, TTL_ATTRIBUTE),
        life=binary_or_none(item, "life"),
        **plain,
    )


def _key_or_none(item: Mapping[str, Any], name: str) -> VmKey | None:
    if name not in item:
        return None
    organization_id, vm_id = texts(item[name])
    return organization_id, vm_id


def listing_item(vm: Vm) -> Item:
    """The entry of a VM in its organization's list. All of it is in the key; it expires with the record."""
    listing = keys.vm_listing(vm.organization_id, vm.age, ended=vm.expires_at is not None)
    return listing | encode({TTL_ATTRIBUTE: vm.expires_at})


def roster_entry(vm: Vm) -> RosterEntry | None:
    """The VM's entry in the roster; None if it has none any more."""
    if not vm.is_on_roster:
        return None
    return RosterEntry(
        organization_id=vm.organization_id,
        vm_id=vm.id,
        node=vm.node,
        host_id=vm.host_id,
        status=vm.status,
        created_at=vm.created_at,
        restarts=vm.status is VmStatus.INTERRUPTED and bool(vm.auto_restart),
        term_ends_at=vm.term_ends_at if vm.rental_type is RentalType.RESERVED else None,
    )


def encode_entry(entry: RosterEntry) -> Item:
    """A roster entry as an item."""
    return keys.on_roster(entry.node, entry.vm_id) | encode(
        {
            "organization": entry.organization_id,
            "vm": entry.vm_id,
            "node": entry.node,
            "host": entry.host_id,
            "status": entry.status.value,
            "created_at": entry.created_at,
            "restarts": entry.restarts or None,
            "term_ends_at": entry.term_ends_at,
        }
    )


@decoder
def decode_entry(item: Mapping[str, Any]) -> RosterEntry:
    """The roster entry of an item."""
    return RosterEntry(
        organization_id=text(item, "organization"),
        vm_id=text(item, "vm"),
        node=text(item, "node"),
        host_id=text(item, "host"),
        status=VmStatus(text(item, "status")),
        created_at=second(item, "created_at"),
        restarts=flag(item, "restarts"),
        term_ends_at=second_or_none(item, "term_ends_at"),
    )
