"""VMs in the holders table, and the roster of those that stand on nodes."""

from __future__ import annotations

from dataclasses import replace
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.dynamodb.outcomes import HolderOutcome
from gpu_capacity.dynamodb.unseen import Tries
from gpu_capacity.dynamodb.vm_items import RosterEntry, decode_entry, decode_vm
from gpu_capacity.dynamodb.vm_writes import change_writes, count_in_writes, create_writes, successor
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.vm import PageOfVms, VmStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Action, Update
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.vm import Vm, VmKey
    from gpu_capacity.ports import Pause

NO_QUOTAS: Final[Mapping[str, Quota]] = {}

_SENDS_MAX: Final = 12
"""How often one transaction is sent while rivals are in flight or nothing is answered."""


class VmStore:
    """The holders table, as far as VMs go."""

    def __init__(self, database: Database, holders_table: str, pause: Pause) -> None:
        self._database = database
        self._table = holders_table
        self._pause = pause

    def get(self, key: VmKey) -> Vm | None:
        """A VM as it is now, destroyed or not."""
        item = self._database.get(self._table, keys.vm(*key))
        return None if item is None else decode_vm(item)

    def many(self, wanted: Iterable[VmKey]) -> dict[VmKey, Vm]:
        """Those of the VMs that exist."""
        items = self._database.get_many(self._table, [keys.vm(*key) for key in sorted(set(wanted))])
        return {vm.key: vm for vm in self._database.readable(items, decode_vm)}

    def of_organization(self, organization_id: str) -> list[Vm]:
        """Every VM of an organization, destroyed ones included, newest first; reads all of them."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(self._table, partition, keys.VM_PREFIX)
        found = self._database.readable(items, decode_vm)
        return sorted(found, key=lambda vm: vm.age, reverse=True)

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
            return list(islice(every, asked.offset, needed))
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
            self._table, partition, prefix, below=asked.after, limit=asked.limit
        )
        return (entry["sk"].removeprefix(prefix) for entry in entries)

    def _records(self, organization_id: str, ages: Sequence[str]) -> list[Vm]:
        found = self.many((organization_id, age.partition("#")[2]) for age in ages)
        return sorted(found.values(), key=lambda vm: vm.age, reverse=True)

    def roster(self, node: str | None = None) -> list[RosterEntry]:
        """The VMs of a node, or of all, oldest first."""
        prefix = "" if node is None else keys.roster_prefix(node)
        items = self._database.query(self._table, keys.ROSTER_PARTITION, prefix)
        entries = [
            entry for entry in self._database.readable(items, decode_entry) if node in (None, entry.node)
        ]
        return sorted(entries, key=lambda entry: (entry.created_at, entry.vm_id))

    def of_node(self, node: str) -> list[Vm]:
        """The records of the VMs of a node, oldest first."""
        found = self.many(entry.key for entry in self.roster(node))
        return sorted(found.values(), key=lambda vm: (vm.created_at, vm.id))

    def unsettled(self, until: int) -> Iterator[VmKey]:
        """VMs that a workflow has had something to do for since ``until`` or before."""
        shards = ("unsettled", keys.unsettled_shards())
        since = ("unsettled_since", 0, until)
        for entry in self._database.query_index(self._table, keys.UNSETTLED_INDEX, shards, since):
            if entry["sk"].startswith(keys.VM_PREFIX):
                organization = entry["pk"].removeprefix(keys.organization_partition(""))
                yield organization, entry["sk"].removeprefix(keys.VM_PREFIX)

    def create(
        self,
        vm: Vm,
        others: Sequence[tuple[Vm, Vm]],
        pod: Update | None,
        counted_in: Mapping[str, Quota] = NO_QUOTAS,
        more: Sequence[Action] = (),
    ) -> HolderOutcome:
        """Record a new VM, with what becomes of others and of its node's GPUs for it, all or none.

        It is counted in the quotas that its record names; ``counted_in`` has them as they were read.
        ``more`` is written with it.
        """
        actions = [*create_writes(self._table, vm, counted_in), *self._changes(others), *more]

        def is_written() -> bool:
            # Nobody else knows the id: a record under it is this one, whatever others have made of it since.
            # But an id that stands for an idempotency key is also that of every repeat.
            return vm.fingerprint is None and self.get(vm.key) is not None

        return self._send(actions if pod is None else [pod, *actions], is_written)

    def change(self, changes: Sequence[tuple[Vm, Vm]], pod: Update | None = None) -> HolderOutcome:
        """Write what VMs have become (pairs of before and after, without new revisions), all or none."""
        actions = self._changes(changes)
        before, after = changes[0]
        first = successor(before, after)
        return self._send(actions if pod is None else [pod, *actions], lambda: self.get(first.key) == first)

    def count_in(self, vm: Vm, subjects: Collection[str]) -> bool:
        """Count a VM that was made before its organization was counted; false when it has changed."""
        actions = list(count_in_writes(self._table, vm, subjects))
        counted = replace(vm, revision=vm.revision + 1, counted=(*vm.counted, *subjects))
        return self._send(actions, lambda: self.get(vm.key) == counted).stands

    def _changes(self, changes: Sequence[tuple[Vm, Vm]]) -> list[Action]:
        return [
            action
            for before, after in changes
            for action in change_writes(self._table, before, successor(before, after))
        ]

    def _send(self, actions: Sequence[Action], is_written: Callable[[], bool]) -> HolderOutcome:
        """Send until it is decided. ``is_written`` looks whether what was sent unseen was committed."""
        with Tries() as tries:
            for attempt in range(_SENDS_MAX):
                try:
                    outcome = self._database.commit(*actions)
                except StorageUnavailable as error:
                    tries.note(error)
                    if not error.outcome_unknown:
                        if tries.unseen and is_written():
                            return HolderOutcome(stands=True, refused={})
                        raise
                else:
                    if isinstance(outcome, Committed):
                        return HolderOutcome(stands=True, refused={})
                    if isinstance(outcome, Refused):
                        if tries.unseen and is_written():
                            return HolderOutcome(stands=True, refused={})
                        return HolderOutcome(stands=False, refused=outcome.items)
                self._pause(attempt)
            raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)
