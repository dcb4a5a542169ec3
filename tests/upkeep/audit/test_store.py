"""Reads of whole tables in pages, transactional reads, and how often an audit retries conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_key import ApiKey
from gpu_capacity.accounts.store import AccountStore
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.items import encode_pod, encode_region, encode_shape
from gpu_capacity.inventory.model import Region
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.reservations.items import encode_reservation
from gpu_capacity.reservations.record import Status
from gpu_capacity.upkeep.audit.facts import Facts, Side, Table
from gpu_capacity.upkeep.audit.store import AuditDatabase, AuditStore, Tables
from gpu_capacity.vms.items import encode_vm
from testkit.dynamodb import MemoryDynamoDB, item_conflict
from testkit.reservations import reservation
from testkit.vms.record import VM
from testkit.world import (
    HOLDERS,
    INVENTORY,
    ORGANIZATION,
    REGION,
    offering,
    pod,
)

if TYPE_CHECKING:
    from testkit.doubles import RecordedPause

RECORD = Side.of(Table.HOLDERS, keys.quota(ORGANIZATION, "GB300"))
ROUNDS = 12
"""A rival holds an item for some 20 ms; so many growing pauses outlast any pile-up."""


class Cancelling:
    """A client that cancels every transactional read."""

    def __init__(self, *reasons: str | None, code: str = "TransactionCanceledException") -> None:
        self._code = code
        self._reasons = [{} if reason is None else {"Code": reason} for reason in reasons]

    def transact_get_items(self, **_request: Any) -> Any:
        answer: Any = {"Error": {"Code": self._code}}
        if self._reasons:
            answer["CancellationReasons"] = self._reasons
        raise ClientError(answer, "TransactGetItems")


def _read(client: Any) -> Any:
    return AuditDatabase(client).get_together([(HOLDERS, RECORD.key)])


def _store(client: Any, pause: RecordedPause, page_items: int | None = None) -> AuditStore:
    return AuditStore(AuditDatabase(client), Tables(INVENTORY, HOLDERS), pause, page_items)


@pytest.mark.parametrize(
    "reasons",
    [
        ("TransactionConflict",),
        ("None", "TransactionConflict"),
        (None, "TransactionConflict"),
        ("ProvisionedThroughputExceeded",),
        ("ThrottlingError", "None"),
        ("ThrottlingError", "None", "ProvisionedThroughputExceeded", "TransactionConflict"),
    ],
)
def test_a_transactional_read_that_met_a_conflict_has_no_result(reasons: tuple[str | None, ...]) -> None:
    assert _read(Cancelling(*reasons)) is None


def test_a_transactional_read_during_another_transaction_has_no_result() -> None:
    assert _read(Cancelling(code="TransactionInProgressException")) is None


@pytest.mark.parametrize(
    "client",
    [
        Cancelling("ValidationError"),
        Cancelling("TransactionConflict", "ValidationError"),
        Cancelling(),
        Cancelling(code="AccessDeniedException"),
    ],
)
def test_a_transactional_read_that_can_never_succeed_raises(client: Cancelling) -> None:
    with pytest.raises(ClientError):
        _read(client)


def test_a_transactional_read_that_keeps_meeting_conflicts_is_given_up(pause: RecordedPause) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        _store(Cancelling("TransactionConflict"), pause).read_together([RECORD])

    assert not caught.value.outcome_unknown
    assert pause.attempts == list(range(ROUNDS))


def test_a_repair_that_keeps_meeting_conflicts_is_given_up(db: MemoryDynamoDB, pause: RecordedPause) -> None:
    db.before("put_item", item_conflict(), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        _store(db, pause).commit([Put("any", HOLDERS, RECORD.key)])
    assert not caught.value.outcome_unknown
    assert pause.attempts == list(range(ROUNDS))


def test_a_transactional_read_returns_the_items_with_their_keys(db: MemoryDynamoDB) -> None:
    there = keys.quota(ORGANIZATION, "there")
    db.put_item(TableName=HOLDERS, Item=there | encode({"limit": 3}))

    found = AuditDatabase(db).get_together([(HOLDERS, RECORD.key), (HOLDERS, there)])

    assert found is not None
    assert [item and item["limit"] for item in found] == [None, 3]


@pytest.mark.parametrize("page_items", [1, 2, 7, None])
def test_a_scan_reads_every_page(db: MemoryDynamoDB, page_items: int | None) -> None:
    for number in range(5):
        db.put_item(TableName=HOLDERS, Item=keys.quota(ORGANIZATION, str(number)))

    found = list(AuditDatabase(db).scan(HOLDERS, page_items))

    assert sorted(item["sk"] for item in found) == [f"QUOTA#{number}" for number in range(5)]


def test_a_scan_is_strongly_consistent(db: MemoryDynamoDB) -> None:
    seen: list[bool] = []
    db.before("scan", lambda _, request: seen.append(request["ConsistentRead"]))
    list(AuditDatabase(db).scan(HOLDERS))

    assert seen == [True]


@pytest.mark.parametrize(
    "key",
    [
        keys.shape(REGION, "flavor", "pod1"),
        keys.hosts(REGION, "pod1"),
        keys.owners(REGION, "flavor", "pod1"),
        keys.region(REGION),
        keys.feed(),
        {"pk": {"S": "SOMETHING#else"}, "sk": {"S": "x"}},
    ],
    ids=lambda key: key["pk"]["S"],
)
def test_an_unreadable_inventory_item_is_named(db: MemoryDynamoDB, pause: RecordedPause, key: Any) -> None:
    db.put_item(TableName=INVENTORY, Item=key | encode({"v": "one"}))

    assert _store(db, pause).read_all().unreadable == {Side.of(Table.INVENTORY, key)}


def test_well_formed_items_are_all_read(db: MemoryDynamoDB, pause: RecordedPause) -> None:
    hardware = pod("pod1", 2)
    region = Region(REGION, frozenset(), (offering(),), 1)
    feed = encode({"sequence": 7, "digest": "d", "observed_at": 1})
    for item in (
        encode_pod(hardware),
        encode_shape(shape_of(hardware, offering())),
        encode_region(region),
        keys.feed() | feed,
        keys.owners(REGION, hardware.flavor_id, "pod1") | encode({"v": 1, "d0": b"12345678"}),
    ):
        db.put_item(TableName=INVENTORY, Item=item)

    facts = _store(db, pause).read_all()

    assert facts.unreadable == frozenset()
    claims = Side.of(Table.INVENTORY, keys.owners(REGION, hardware.flavor_id, "pod1"))
    assert facts.pods == {claims: hardware}
    assert facts.owners[claims].owners == {0: b"12345678"}


@pytest.mark.parametrize(
    ("attributes", "shards"),
    [
        ({"unsettled": "3", "unsettled_since": 5}, ["3"]),
        ({"unsettled": "3"}, []),
        ({"unsettled_since": 5}, []),
        ({}, []),
    ],
)
def test_a_record_is_in_the_index_if_it_has_both_index_keys(
    db: MemoryDynamoDB, pause: RecordedPause, attributes: dict[str, Any], shards: list[str]
) -> None:
    settled = encode_reservation(reservation(status=Status.PROVISIONED))
    db.put_item(TableName=HOLDERS, Item=settled | encode(attributes))

    facts = _store(db, pause).read_all()

    assert list(facts.shards.values()) == shards
    assert facts.unreadable == frozenset()


@pytest.mark.parametrize(
    ("side", "known"),
    [
        (Side(Table.HOLDERS, "ORG#o", "RENTAL#1"), False),
        (Side(Table.HOLDERS, "QUEUE#z#t", "x"), True),
        (Side(Table.INVENTORY, "ORG#o", "x"), True),
        (Side(Table.INVENTORY, "SHAPES#r#f", "x"), True),
    ],
    ids=str,
)
def test_only_unreadable_records_make_their_holder_unknown(side: Side, *, known: bool) -> None:
    assert Facts(unreadable=frozenset({side})).knows_every_holder is known


def test_a_request_counter_is_readable_and_one_without_a_count_is_named(
    db: MemoryDynamoDB, pause: RecordedPause
) -> None:
    good, bad = ({"pk": {"S": "RATE#d1"}, "sk": {"S": f"create#{n}"}} for n in (1, 2))
    db.put_item(TableName=HOLDERS, Item=good | encode({"used": 1}))
    db.put_item(TableName=HOLDERS, Item=bad)

    assert _store(db, pause).read_all().unreadable == {Side.of(Table.HOLDERS, bad)}


def test_api_keys_and_their_list_entries_are_facts(db: MemoryDynamoDB, pause: RecordedPause) -> None:
    key = ApiKey("d" * 64, ORGANIZATION, "user-1", (Scope.READ_WRITE,), 7)
    AccountStore(Database(db), HOLDERS).add_api_key(key, 0)

    facts = _store(db, pause).read_all()

    assert facts.api_keys == {Side.of(Table.HOLDERS, keys.api_key(key.digest)): key}
    assert facts.key_listings == {Side.of(Table.HOLDERS, keys.api_key_of(ORGANIZATION, key.digest))}
    assert facts.unreadable == frozenset()


@pytest.mark.parametrize(("pk", "sk"), [("SOMETHING#else", "x"), ("ORG#o", "RENTAL#1"), ("VMSx", "x")])
def test_a_holders_item_of_unknown_kind_is_named(
    db: MemoryDynamoDB, pause: RecordedPause, pk: str, sk: str
) -> None:
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    db.put_item(TableName=HOLDERS, Item=key | encode({"used": 1}))

    assert _store(db, pause).read_all().unreadable == {Side.of(Table.HOLDERS, key)}


def test_a_vm_is_a_holder_that_is_identified_by_its_tag(db: MemoryDynamoDB, pause: RecordedPause) -> None:
    db.put_item(TableName=HOLDERS, Item=encode_vm(VM))
    side = Side.of(Table.HOLDERS, keys.vm(*VM.key))

    facts = _store(db, pause).read_all()

    assert (facts.holders, facts.tags, facts.unreadable) == ({side: VM}, {side: VM.tag}, frozenset())


def test_unreadable_keys_of_an_account_are_named(db: MemoryDynamoDB, pause: RecordedPause) -> None:
    good, bad = keys.ssh_keys(ORGANIZATION, "one"), keys.ssh_keys(ORGANIZATION, "two")
    db.put_item(TableName=HOLDERS, Item=good | encode({"keys": [], "revision": 1}))
    db.put_item(TableName=HOLDERS, Item=bad | encode({"keys": [["one"]], "revision": 1}))

    assert _store(db, pause).read_all().unreadable == {Side.of(Table.HOLDERS, bad)}


@pytest.mark.parametrize("owner", [b"1234567", {"0123": 1}, {"g0123456789abcd": 1}, {"no hex digits!!!": 1}])
def test_an_owner_that_is_not_a_tag_makes_its_pod_unreadable(
    db: MemoryDynamoDB, pause: RecordedPause, owner: Any
) -> None:
    claims = keys.owners(REGION, "flavor", "pod1")
    db.put_item(TableName=INVENTORY, Item=claims | encode({"v": 1, "d0": owner}))

    assert _store(db, pause).read_all().unreadable == {Side.of(Table.INVENTORY, claims)}


def test_an_item_is_reported_by_its_key() -> None:
    assert str(Side(Table.HOLDERS, "ORG#o", "VM#1")) == "ORG#o VM#1"


def test_tables_are_named_by_their_purpose() -> None:
    assert [table.value for table in Table] == ["inventory", "holders"]
    assert [Tables("i", "h").named(table) for table in Table] == ["i", "h"]
