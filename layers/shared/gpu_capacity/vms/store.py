"""Stores VMs in the holders table, with their entries in the roster and in their organizations' lists."""

from __future__ import annotations

from dataclasses import replace
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders.store import HolderStore, Kind
from gpu_capacity.vms.items import RosterEntry, decode_entry, decode_vm, encode_vm
from gpu_capacity.vms.record import TRANSITIONS, PageOfVms, Vm, VmStatus
from gpu_capacity.vms.writes import (
    VM_LABEL,
    beside_change,
    beside_new,
    count_in_writes,
    successor,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.tombstones import Tombstone
    from gpu_capacity.dynamodb.writes import Action, Update
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.tries import Tries
    from gpu_capacity.vms.record import VmKey

NO_QUOTAS: Final[Mapping[str, Quota]] = {}

_AGE: Final = attrgetter("age")

VMS: Final = Kind(Vm, keys.VM_PREFIX, encode_vm, decode_vm, TRANSITIONS)


class VmStore(HolderStore[Vm]):
    """VMs in the holders table. Records of destroyed VMs are kept for a while, and shown.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, VMS)

    def by_key(self, wanted: Iterable[VmKey]) -> dict[VmKey, Vm]:
        """Those of the VMs that exist and can be read."""
        return {vm.key: vm for vm in self.many(wanted)}

    def page(self, organization_id: str, asked: PageOfVms) -> list[Vm]:
        """A page of an organization's VMs, newest first. Reads little more than it returns.

        The entries of the organization's list are small and sorted by age: they are read first, then the
        records that the page shows. If all VMs of the organization fit on the page, their records are read at
        once, which is cheaper, and also finds VMs of a version that wrote no entries.
        """
        needed = asked.offset + asked.limit
        ages = self._newest(organization_id, needed + 1, asked.after)
        if asked.after is None and len(ages) <= needed:
            every = (vm for vm in self.of_organization(organization_id) if asked.shows(vm))
            return sorted(every, key=_AGE, reverse=True)[asked.offset : needed]
        if asked.statuses is None:
            return self._records(organization_id, ages[asked.offset : needed])
        found = (vm for vm in self._each(organization_id, asked) if asked.shows(vm))
        return list(islice(found, asked.offset, needed))

    def _each(self, organization_id: str, asked: PageOfVms) -> Iterator[Vm]:
        """The candidates for a page, newest first; reads ``limit`` records at a time.

        Records of destroyed VMs are not read unless the page may have them.
        """
        live = self._ages(organization_id, keys.VM_LIVE_PREFIX, asked)
        if VmStatus.DESTROYED in (asked.statuses or VmStatus):
            # Read all live entries first: a VM that ends meanwhile is then in both lists, never in neither.
            live = iter(list(live))
            live = merge(live, self._ages(organization_id, keys.VM_ENDED_PREFIX, asked), reverse=True)
        ages = (age for age, _ in groupby(live))
        while chunk := list(islice(ages, asked.limit)):
            yield from self._records(organization_id, chunk)

    def _newest(self, organization_id: str, count: int, after: str | None = None) -> list[str]:
        """The ages of the newest VMs, at most ``count``, behind ``after`` if given."""
        asked = PageOfVms(limit=count, after=after)
        live = list(islice(self._ages(organization_id, keys.VM_LIVE_PREFIX, asked), count))
        ended = list(islice(self._ages(organization_id, keys.VM_ENDED_PREFIX, asked), count))
        return sorted({*live, *ended}, reverse=True)[:count]

    def _ages(self, organization_id: str, prefix: str, asked: PageOfVms) -> Iterator[str]:
        partition = keys.organization_partition(organization_id)
        entries = self._database.query_backwards(
            self.table, partition, prefix, below=asked.after, limit=asked.limit
        )
        return (entry["sk"].removeprefix(prefix) for entry in entries)

    def _records(self, organization_id: str, ages: Sequence[str]) -> list[Vm]:
        found = self.many((organization_id, age.partition("#")[2]) for age in ages)
        return sorted(found, key=_AGE, reverse=True)

    def roster(self, node: str | None = None) -> list[RosterEntry]:
        """The roster entries of a node, or of all nodes, oldest VM first."""
        prefix = "" if node is None else keys.roster_prefix(node)
        items = self._database.query(self.table, keys.ROSTER_PARTITION, prefix)
        entries = [
            entry for entry in self._database.readable(items, decode_entry) if node in (None, entry.node)
        ]
        return sorted(entries, key=lambda entry: (entry.created_at, entry.vm_id))

    def of_node(self, node: str) -> list[Vm]:
        """The records of the VMs of a node, oldest first."""
        return sorted(self.many(entry.key for entry in self.roster(node)), key=_AGE)

    def add(
        self,
        vm: Vm,
        others: Sequence[tuple[Vm, Vm]],
        pod: Update | None,
        *,
        counted_in: Mapping[str, Quota] = NO_QUOTAS,
        more: Sequence[Action] = (),
        over: Tombstone | None = None,
        tries: Tries | None = None,
    ) -> Refused | None:
        """Record a new VM, with changes of other VMs and of its node's ownership, in one transaction.

        Args:
            vm: what to write; ``vm.counted`` names the quotas that then count it.
            others: other VMs that change for it, as (before, after).
            pod: the write of the node's ownership.
            counted_in: those quotas as read, by subject.
            more: further writes of the transaction.
            over: as in ``create``.
            tries: as in ``create``.

        Returns:
            None when it is written, else the conditions that failed.
        """
        beside = [*beside_new(self.table, vm, counted_in), *self._with(others), *more]
        return self.create(vm, vm.created_at, *([pod] if pod else []), *beside, over=over, tries=tries)

    def update(self, changes: Sequence[tuple[Vm, Vm]], pod: Update | None = None) -> Vm | Refused:
        """Write changed VMs in one transaction.

        Args:
            changes: (before, after) of each; this method sets the new revisions.
            pod: the write of their node's ownership, if that changes.

        Returns:
            The first VM as written, or the conditions that failed.
        """
        (before, after), *others = changes
        after = successor(before, after)
        beside = [*beside_change(self.table, before, after), *self._with(others)]
        return self.change(before, after, *([pod] if pod else []), *beside)

    def count_in(self, vm: Vm, subjects: Collection[str]) -> bool:
        """Count a VM that was made before its organization had a quota, even beyond the limit.

        Returns:
            Whether it was written; false if the VM changed.
        """
        counted = replace(vm, counted=(*vm.counted, *subjects))
        written = self.change(vm, counted, *count_in_writes(self.table, vm, subjects))
        return not isinstance(written, Refused)

    def _with(self, changes: Sequence[tuple[Vm, Vm]]) -> Iterator[Action]:
        """The writes of records that change in another record's transaction."""
        for before, after in changes:
            yield self.change_beside(before, successor(before, after), VM_LABEL + before.id)
            yield from beside_change(self.table, before, successor(before, after))
