"""VMs in the holders table, and the roster of those that stand on nodes."""

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
from gpu_capacity.vms.record import PageOfVms, Vm, VmStatus, allows
from gpu_capacity.vms.writes import (
    beside_change,
    beside_new,
    change_writes,
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

VMS: Final = Kind(keys.VM_PREFIX, encode_vm, decode_vm, allows)


class VmStore(HolderStore[Vm]):
    """The holders table, as far as VMs go; those that are destroyed stay for a while, and are shown."""

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, VMS)

    def by_key(self, wanted: Iterable[VmKey]) -> dict[VmKey, Vm]:
        """Those of the VMs that exist."""
        return {vm.key: vm for vm in self.many(wanted)}

    def page(self, organization_id: str, asked: PageOfVms) -> list[Vm]:
        """Some VMs of an organization, newest first; reads little more than it answers.

        Small entries say which VMs there are, by age; the records of those that are shown are read then. An
        organization whose VMs all fit on the page has them read at once, which is cheaper, and finds those
        that a version without entries has made.
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
        """The VMs that may be asked for, newest first, so many records at a time as are shown at once.

        Those that are destroyed are passed over unread where none of them is asked for.
        """
        live = self._ages(organization_id, keys.VM_LIVE_PREFIX, asked)
        if VmStatus.DESTROYED in (asked.statuses or VmStatus):
            # All live ones first: one that ends meanwhile stands in both, and never in neither.
            live = iter(list(live))
            live = merge(live, self._ages(organization_id, keys.VM_ENDED_PREFIX, asked), reverse=True)
        ages = (age for age, _ in groupby(live))
        while chunk := list(islice(ages, asked.limit)):
            yield from self._records(organization_id, chunk)

    def _newest(self, organization_id: str, count: int, after: str | None = None) -> list[str]:
        """The ages of the newest VMs, at most so many."""
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
        """The VMs of a node, or of all, oldest first."""
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
        """Record a new VM, with what becomes of others and of its node's GPUs for it, all or none.

        It is counted in the quotas that its record names; ``counted_in`` has them as they were read.
        ``more`` is written with it. ``over`` and ``tries`` are as in ``create``.

        Returns:
            ``None`` when it stands, else what refused.
        """
        beside = [*beside_new(self.table, vm, counted_in), *self._with(others), *more]
        return self.create(vm, vm.created_at, *([pod] if pod else []), *beside, over=over, tries=tries)

    def update(self, changes: Sequence[tuple[Vm, Vm]], pod: Update | None = None) -> Vm | Refused:
        """Write what VMs have become (pairs of before and after, without new revisions), all or none.

        Returns:
            The first of them as it stands now, or what refused.
        """
        (before, after), *others = changes
        after = successor(before, after)
        beside = [*beside_change(self.table, before, after), *self._with(others)]
        return self.change(before, after, *([pod] if pod else []), *beside)

    def count_in(self, vm: Vm, subjects: Collection[str]) -> bool:
        """Count a VM that was made before its organization was counted; false when it has changed."""
        counted = replace(vm, counted=(*vm.counted, *subjects))
        written = self.change(vm, counted, *count_in_writes(self.table, vm, subjects))
        return not isinstance(written, Refused)

    def _with(self, changes: Sequence[tuple[Vm, Vm]]) -> list[Action]:
        return [
            action
            for before, after in changes
            for action in change_writes(self.table, before, successor(before, after))
        ]
