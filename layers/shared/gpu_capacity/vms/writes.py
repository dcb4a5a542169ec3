"""Builds the writes that go with the record of a VM, as values.

Its entries in the roster and in the organization's list change in the transaction that changes the record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.writes import Delete, Put
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.host_writes import change_parts
from gpu_capacity.holders.quota_store import QUOTA
from gpu_capacity.vms.items import encode_entry, listing_item, roster_entry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from gpu_capacity.dynamodb.writes import Action, Update
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.vms.record import Vm

VM_LABEL: Final = "vm:"


def beside_new(table: str, vm: Vm, counted_in: Mapping[str, Quota]) -> Iterator[Action]:
    """The writes that go with a new record: its roster entry, its list entry, and its counts.

    Args:
        table: the holders table.
        vm: the new record.
        counted_in: by subject, the quotas that ``vm.counted`` names, as read.
    """
    yield from _roster_writes(table, None, vm)
    yield Put(f"listing:{vm.id}", table, listing_item(vm))
    for subject in vm.counted:
        yield quotas.count(table, counted_in[subject], vm.uses[subject], f"{QUOTA}:{subject}")


def beside_change(table: str, before: Vm, after: Vm) -> Iterator[Action]:
    """The writes that go with a changed record; ``after`` is the result of ``successor``."""
    yield from _roster_writes(table, before, after)
    if before.expires_at is None and after.expires_at is not None:
        live = keys.vm_listing(before.organization_id, before.age, ended=False)
        yield Delete(f"live:{before.id}", table, live)
        yield Put(f"listing:{before.id}", table, listing_item(after))
    for subject in set(before.counted).difference(after.counted):
        yield quotas.uncount(
            table, before.organization_id, subject, before.uses[subject], f"{QUOTA}:{subject}"
        )


def successor(before: Vm, after: Vm) -> Vm:
    """The record as it is written: with the next revision, and counted only where it still uses something."""
    return replace(
        after, revision=before.revision + 1, counted=tuple(s for s in before.counted if s in after.uses)
    )


def count_in_writes(table: str, vm: Vm, subjects: Collection[str]) -> Iterator[Action]:
    """The writes that count a VM under subjects that did not count it yet, even beyond the limits."""
    for subject in subjects:
        yield quotas.count_in(table, vm.organization_id, subject, vm.uses[subject], f"{QUOTA}:{subject}")


def change_gpus(
    table: str,
    place: tuple[tuple[str, str, str], int],
    parts: tuple[Mapping[str, int] | bytes | None, Mapping[str, int]],
    version: int | None,
    stamp: bytes,
) -> Update:
    """The write that changes who owns which GPUs of a node: see ``change_parts``.

    Args:
        table: the inventory table.
        place: (region id, flavor id, pod id), and the position of the node's domain.
        parts: (owners or stamp as they must still be, owners as they are to be).
        version: the topology version that must still be in force; None when GPUs are only given back.
        stamp: a fresh one, for a node that is emptied.
    """
    pod, position = place
    return change_parts(table, pod, {position: parts}, version, stamp)


def _roster_writes(table: str, before: Vm | None, after: Vm) -> Iterator[Action]:
    was = roster_entry(before) if before else None
    now = roster_entry(after)
    if now == was:
        return
    label = f"roster:{after.id}"
    if now is not None:
        yield Put(label, table, encode_entry(now))
    else:
        yield Delete(label, table, keys.on_roster(after.node, after.id))
