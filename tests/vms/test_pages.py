"""Pages of an organization's VMs: in order, complete, and read at the cost of a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database, Refused
from gpu_capacity.vms.items import encode_vm, listing_item
from gpu_capacity.vms.record import PageOfVms, VmStatus
from gpu_capacity.vms.store import VmStore
from testkit.doubles import FakeClock
from testkit.vms.record import VM
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from gpu_capacity.vms.record import Vm
    from testkit.doubles import RecordedPause
    from testkit.dynamodb import MemoryDynamoDB

RUNNING = frozenset({VmStatus.RUNNING})
DESTROYED = frozenset({VmStatus.DESTROYED})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(db: MemoryDynamoDB, pause: RecordedPause, clock: FakeClock) -> VmStore:
    return VmStore(Database(db, clock=clock, pause=pause), HOLDERS)


def numbered(number: int, **changes: Any) -> Vm:
    return replace(VM, id=f"{number:08x}{VM.id[8:]}", created_at=1_780_000_000 + number, **changes)


def keep(db: MemoryDynamoDB, *vms: Vm) -> None:
    """VMs as they are in their last transaction."""
    for vm in vms:
        db.put_item(TableName=HOLDERS, Item=encode_vm(vm))
        db.put_item(TableName=HOLDERS, Item=listing_item(vm))


def destroyed(number: int, clock: FakeClock, seconds: int = 1000) -> Vm:
    return numbered(number, status=VmStatus.DESTROYED, gpus=0, expires_at=clock.now() + seconds)


def shown(store: VmStore, limit: int, **asked: Any) -> list[int]:
    return [int(vm.id[:8], 16) for vm in store.page(ORGANIZATION, PageOfVms(limit, **asked))]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("offset", [0, 1, 4, 5, 6])
def test_live_and_destroyed_vms_are_listed_together_newest_first(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock, limit: int, offset: int
) -> None:
    keep(db, numbered(1), destroyed(2, clock), numbered(3), destroyed(4, clock), numbered(5))
    assert shown(store, limit, offset=offset) == [5, 4, 3, 2, 1][offset : offset + limit]


def test_vms_of_one_second_are_listed_by_id(store: VmStore, db: MemoryDynamoDB) -> None:
    same = [replace(numbered(number), created_at=7) for number in (3, 1, 2)]
    keep(db, *same, numbered(4))
    assert shown(store, 2) == [4, 3]
    assert shown(store, 9) == [4, 3, 2, 1]


def test_a_page_continues_after_a_cursor(store: VmStore, db: MemoryDynamoDB, clock: FakeClock) -> None:
    vms = [numbered(n) if n % 2 else destroyed(n, clock) for n in range(1, 8)]
    keep(db, *vms)
    for vm in vms:
        number = int(vm.id[:8], 16)
        assert shown(store, 3, after=vm.age) == list(range(number - 1, 0, -1))[:3]
    # Also after the cursor of a VM that is gone or never existed.
    assert shown(store, 2, after="001780000005#ffffffff") == [5, 4]
    assert shown(store, 2, after=vms[6].age, offset=2) == [4, 3]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_list_can_be_limited_to_some_statuses(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock, limit: int
) -> None:
    stopped = [numbered(n, status=VmStatus.STOPPED, gpus=0) for n in (2, 6)]
    leaving = numbered(5, status=VmStatus.DESTROYED, unsettled_since=1)
    keep(db, numbered(1), *stopped, destroyed(3, clock), numbered(4), leaving, destroyed(7, clock))
    assert shown(store, limit, statuses=RUNNING) == [4, 1][:limit]
    assert shown(store, limit, statuses=DESTROYED) == [7, 5, 3][:limit]
    assert shown(store, limit, statuses=RUNNING | DESTROYED) == [7, 5, 4, 3, 1][:limit]
    assert shown(store, limit, statuses=frozenset({VmStatus.STOPPED}), offset=1) == [2]
    assert shown(store, limit, statuses=RUNNING, after=numbered(4).age) == [1]
    assert shown(store, limit, statuses=frozenset({VmStatus.OFFLINE})) == []


def test_an_expired_record_is_absent_before_the_database_removes_it(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock
) -> None:
    gone = destroyed(2, clock, seconds=10)
    keep(db, numbered(1), gone, numbered(3))
    clock.advance(9)
    assert shown(store, 9) == [3, 2, 1]
    clock.advance(1)
    assert store.get(*gone.key) is None
    assert store.by_key([gone.key]) == {}
    for limit in (1, 2, 9):
        assert shown(store, limit) == [3, 1][:limit]
        assert shown(store, limit, statuses=DESTROYED) == []


def test_an_entry_whose_record_the_database_has_removed_is_skipped(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock
) -> None:
    vms = [numbered(1), destroyed(2, clock), numbered(3), numbered(4)]
    keep(db, *vms)
    db.delete_item(TableName=HOLDERS, Key=keys.vm(*vms[1].key))
    assert shown(store, 3) == [4, 3]
    assert shown(store, 3, after=vms[2].age) == [1]


def test_vms_of_a_version_without_entries_are_listed_as_long_as_they_fit_on_the_page(
    store: VmStore, db: MemoryDynamoDB
) -> None:
    for number in (1, 2, 3):
        db.put_item(TableName=HOLDERS, Item=encode_vm(numbered(number)))
    assert shown(store, 2) == [3, 2]
    assert shown(store, 2, offset=2) == [1]
    assert shown(store, 9, statuses=RUNNING) == [3, 2, 1]
    keep(db, numbered(4))
    assert shown(store, 9) == [4, 3, 2, 1]


def test_a_vm_that_ends_while_the_list_is_read_is_listed(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock
) -> None:
    keep(db, *(numbered(n) for n in range(1, 5)))
    leaving = numbered(3, status=VmStatus.DESTROYED, gpus=0)
    assert not isinstance(store.update([(numbered(3), leaving)]), Refused)
    leaving = replace(leaving, revision=1)
    over = replace(leaving, expires_at=clock.now() + 1000)
    queries = iter(range(9))

    def rival(_operation: str, _parameters: dict[str, Any]) -> None:
        if next(queries) == 1:
            assert not isinstance(store.update([(leaving, over)]), Refused)

    db.before("query", rival, times=2)
    assert shown(store, 3) == [4, 3, 2]


class Counted:
    """Items and units that a call reads."""

    def __init__(self, db: MemoryDynamoDB) -> None:
        self._db = db
        self.records = 0
        db.before("batch_get_item", self._count, times=None)

    def _count(self, _operation: str, parameters: dict[str, Any]) -> None:
        self.records += sum(len(wanted["Keys"]) for wanted in parameters["RequestItems"].values())

    def of(self, store: VmStore, asked: PageOfVms) -> tuple[int, float]:
        self.records, before = 0, self._db.read_units
        store.page(ORGANIZATION, asked)
        return self.records, self._db.read_units - before


@pytest.mark.parametrize("limit", [1, 50, 200])
def test_a_page_costs_the_same_however_many_vms_there_were(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock, limit: int
) -> None:
    counted, costs = Counted(db), []
    keep(db, *(numbered(n) for n in range(10)))
    for many in (range(10, 300), range(300, 1000)):
        keep(db, *(destroyed(n, clock) for n in many))
        costs.append(counted.of(store, PageOfVms(limit)))
    assert costs[0] == costs[1]
    records, units = costs[1]
    assert records == limit
    # One unit for each record, and one for 40 small entries of each of the two kinds.
    assert units <= limit + 2 * (limit // 30 + 1)


def test_running_vms_are_found_among_any_number_of_destroyed_ones(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock
) -> None:
    keep(db, *(numbered(n) for n in range(10)), *(destroyed(n, clock) for n in range(10, 1000)))
    records, units = Counted(db).of(store, PageOfVms(50, statuses=RUNNING))
    assert records == 10
    assert units <= 15


def test_skipped_entries_cost_one_unit_for_forty(
    store: VmStore, db: MemoryDynamoDB, clock: FakeClock
) -> None:
    keep(db, *(destroyed(n, clock) for n in range(2000)))
    counted = Counted(db)
    records, units = counted.of(store, PageOfVms(10, offset=1200))
    assert records == 10
    assert units <= 10 + 1200 / 30
    behind = counted.of(store, PageOfVms(10, after=destroyed(800, clock).age))
    assert behind[1] <= 13


def test_vms_that_fit_on_one_page_are_read_in_bulk(store: VmStore, db: MemoryDynamoDB) -> None:
    keep(db, *(numbered(n) for n in range(20)))
    records, units = Counted(db).of(store, PageOfVms(50))
    assert records == 0
    assert units <= 6


def test_an_entry_without_a_vm_only_makes_the_page_shorter(store: VmStore, db: MemoryDynamoDB) -> None:
    keep(db, numbered(1), numbered(2))
    stray = keys.vm_listing(ORGANIZATION, numbered(3).age, ended=False)
    db.put_item(TableName=HOLDERS, Item=stray | encode({}))
    assert shown(store, 2) == [2]
    assert shown(store, 9) == [2, 1]
