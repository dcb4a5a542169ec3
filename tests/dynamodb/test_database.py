"""Every response of DynamoDB is mapped to one of a few outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import BATCH_GET_MAX, Busy, Committed, Database, Refused
from gpu_capacity.dynamodb.writes import ACTIONS_MAX, Check, Delete, Put, Update, Write
from gpu_capacity.errors import StorageUnavailable
from testkit.doubles import RecordedPause
from testkit.dynamodb import (
    MemoryDynamoDB,
    internal_error,
    item_conflict,
    request_limited,
    throttled,
    timeout_after,
    timeout_before,
    transaction_cancelled,
    transaction_conflict,
    transaction_throttled,
    transaction_throughput_exceeded,
    unreachable,
)
from testkit.dynamodb.errors import RefusedError, to_client_error
from testkit.world import HOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb.hooks import Interceptor


def _key(name: str) -> keys.Key:
    return keys.reservation("o", name)


def _put(name: str = "a", *, new: bool = True) -> Put:
    condition = "attribute_not_exists(pk)" if new else "attribute_exists(pk)"
    return Put(name, HOLDERS, _key(name) | encode({"n": 1}), condition)


SINGLE: dict[str, Write] = {
    "put_item": _put(),
    "update_item": Update(
        "a", HOLDERS, _key("a"), "SET n = :n", "attribute_not_exists(pk)", {}, {":n": {"N": "1"}}
    ),
    "delete_item": Delete("a", HOLDERS, _key("a"), "attribute_not_exists(pk)"),
}


@pytest.fixture
def database(db: MemoryDynamoDB) -> Database:
    return Database(db, RecordedPause())


def _fails(code: str, status: int = 400) -> Interceptor:
    def interceptor(operation: str, _parameters: dict[str, Any]) -> None:
        raise to_client_error(operation, RefusedError(code, "any text", status=status))

    return interceptor


# Single writes.


@pytest.mark.parametrize("operation", SINGLE)
def test_a_single_write_needs_no_transaction(db: MemoryDynamoDB, database: Database, operation: str) -> None:
    assert database.commit(SINGLE[operation]) == Committed()
    assert db.requests[operation] == 1
    assert db.requests["transact_write_items"] == 0


@pytest.mark.parametrize("operation", SINGLE)
def test_a_refused_single_write_has_its_label_and_the_item(
    db: MemoryDynamoDB, database: Database, operation: str
) -> None:
    db.put_item(TableName=HOLDERS, Item=_key("a") | encode({"n": 9}))

    outcome = database.commit(SINGLE[operation])

    assert outcome == Refused({"a": {"pk": "ORG#o", "sk": "RESERVATION#a", "n": 9}})


def test_a_refusal_over_an_absent_item_has_no_item(database: Database) -> None:
    assert database.commit(_put(new=False)) == Refused({"a": None})


@pytest.mark.parametrize("operation", SINGLE)
@pytest.mark.parametrize("conflict", [item_conflict, lambda: _fails("ReplicatedWriteConflictException")])
def test_a_single_write_in_conflict_is_busy(
    db: MemoryDynamoDB, database: Database, operation: str, conflict: Callable[[], Interceptor]
) -> None:
    db.before(operation, conflict())

    assert database.commit(SINGLE[operation]) == Busy()


# Transactions.


def test_a_transaction_writes_all_its_actions(db: MemoryDynamoDB, database: Database) -> None:
    assert database.commit(_put("a"), _put("b")) == Committed()
    assert len(db.table(HOLDERS)) == 2


def test_a_refused_transaction_has_the_labels_of_all_failed_conditions(
    db: MemoryDynamoDB, database: Database
) -> None:
    database.commit(_put("a"))

    outcome = database.commit(_put("b"), _put("c", new=False), _put("a"))

    assert outcome == Refused({"c": None, "a": {"pk": "ORG#o", "sk": "RESERVATION#a", "n": 1}})
    assert len(db.table(HOLDERS)) == 1


def test_a_check_alone_is_sent_as_a_transaction(db: MemoryDynamoDB, database: Database) -> None:
    check = Check("a", HOLDERS, _key("a"), "attribute_not_exists(pk)")

    assert database.commit(check) == Committed()
    assert db.requests["transact_write_items"] == 1


@pytest.mark.parametrize("at", [0, 1, {0, 1}])
def test_a_transaction_in_conflict_is_busy(
    db: MemoryDynamoDB, database: Database, at: int | set[int]
) -> None:
    db.before("transact_write_items", transaction_conflict(2, at))

    assert database.commit(_put("a"), _put("b")) == Busy()


def test_a_transaction_that_is_still_in_progress_is_busy(db: MemoryDynamoDB, database: Database) -> None:
    db.before("transact_write_items", _fails("TransactionInProgressException"))

    assert database.commit(_put("a"), _put("b")) == Busy()


def test_a_refusal_has_priority_over_a_conflict(db: MemoryDynamoDB, database: Database) -> None:
    def mixed(operation: str, _parameters: dict[str, Any]) -> None:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
        members = {"CancellationReasons": reasons}
        raise to_client_error(operation, RefusedError("TransactionCanceledException", "text", members))

    db.before("transact_write_items", mixed)

    assert database.commit(_put("a"), _put("b")) == Refused({"b": None})


def test_a_transaction_accepts_the_maximum_number_of_actions() -> None:
    sent: list[Any] = []

    class Client:
        def transact_write_items(self, **request: Any) -> dict[str, Any]:
            sent.extend(request["TransactItems"])
            return {}

    client: Any = Client()
    assert Database(client).commit(*[_put()] * ACTIONS_MAX) == Committed()
    assert len(sent) == ACTIONS_MAX


def test_more_actions_than_a_transaction_accepts_raise(db: MemoryDynamoDB, database: Database) -> None:
    actions = [_put(str(n)) for n in range(ACTIONS_MAX + 1)]

    with pytest.raises(ValueError, match="101 actions"):
        database.commit(*actions)
    assert db.requests["transact_write_items"] == 0


# Unknown outcomes.

UNKNOWN: dict[str, tuple[Callable[[], Interceptor], bool]] = {
    "throttled": (throttled, False),
    "request limited": (request_limited, False),
    "too many requests": (lambda: _fails("RequestLimitExceeded"), False),
    "internal error": (internal_error, True),
    "unavailable": (lambda: _fails("ServiceUnavailable", 503), True),
    "timeout while connecting": (timeout_before, True),
    "timeout while reading": (timeout_after, True),
    "unreachable": (unreachable, True),
}


@pytest.mark.parametrize("failure", UNKNOWN)
@pytest.mark.parametrize("count", [1, 2], ids=["single", "transaction"])
def test_a_write_that_failed_reports_whether_its_outcome_is_unknown(
    db: MemoryDynamoDB, database: Database, failure: str, count: int
) -> None:
    interceptor, outcome_unknown = UNKNOWN[failure]
    db.before("*", interceptor())

    with pytest.raises(StorageUnavailable) as caught:
        database.commit(*[_put(name) for name in "ab"[:count]])
    assert caught.value.outcome_unknown is outcome_unknown


def test_a_write_that_timed_out_may_have_been_applied(db: MemoryDynamoDB, database: Database) -> None:
    db.after("transact_write_items", timeout_after())

    with pytest.raises(StorageUnavailable) as caught:
        database.commit(_put("a"), _put("b"))
    assert caught.value.outcome_unknown
    assert len(db.table(HOLDERS)) == 2


@pytest.mark.parametrize("reason", [transaction_throttled, transaction_throughput_exceeded])
def test_a_transaction_throttled_at_a_statement_was_not_written(
    db: MemoryDynamoDB, database: Database, reason: Callable[[int, int], Interceptor]
) -> None:
    db.before("transact_write_items", reason(2, 1))

    with pytest.raises(StorageUnavailable) as caught:
        database.commit(_put("a"), _put("b"))
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("failure", UNKNOWN)
@pytest.mark.parametrize("operation", ["get_item", "batch_get_item", "query"])
def test_a_read_that_failed_wrote_nothing(
    db: MemoryDynamoDB, database: Database, failure: str, operation: str
) -> None:
    db.before(operation, UNKNOWN[failure][0]())

    with pytest.raises(StorageUnavailable) as caught:
        _read(database, operation)
    assert not caught.value.outcome_unknown


def _read(database: Database, operation: str) -> None:
    if operation == "get_item":
        database.get(HOLDERS, _key("a"))
    elif operation == "batch_get_item":
        database.get_many(HOLDERS, [_key("a")])
    else:
        list(database.query(HOLDERS, "ORG#o"))


# Programming errors: an unexpected error is raised unchanged, to be logged with its stack.


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
@pytest.mark.parametrize("count", [1, 2], ids=["single", "transaction"])
def test_a_programming_error_is_raised_unchanged(
    db: MemoryDynamoDB, database: Database, code: str, count: int
) -> None:
    db.before("*", _fails(code))

    with pytest.raises(ClientError, match=code):
        database.commit(*[_put(name) for name in "ab"[:count]])


def test_a_statement_cancelled_for_an_unknown_reason_is_raised_unchanged(
    db: MemoryDynamoDB, database: Database
) -> None:
    db.before("transact_write_items", transaction_cancelled("ItemCollectionSizeLimitExceeded", "text", 2, 0))

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        database.commit(_put("a"), _put("b"))


# Reads.


def test_an_absent_item_is_none(database: Database) -> None:
    assert database.get(HOLDERS, _key("a")) is None


def test_reads_are_strongly_consistent_by_default(db: MemoryDynamoDB, database: Database) -> None:
    database.commit(_put("a"))
    db.read_stale()

    assert database.get(HOLDERS, _key("a")) is not None
    assert len(database.get_many(HOLDERS, [_key("a")])) == 1
    assert len(list(database.query(HOLDERS, "ORG#o"))) == 1
    assert database.get(HOLDERS, _key("a"), consistent=False) is None
    assert list(database.query(HOLDERS, "ORG#o", consistent=False)) == []


def test_a_query_reads_every_page_in_key_order(db: MemoryDynamoDB, database: Database) -> None:
    for number in range(30):
        filler = encode({"filler": "x" * 100_000})
        db.put_item(TableName=HOLDERS, Item=keys.reservation("o", f"{number:02}") | filler)

    found = [item["sk"] for item in database.query(HOLDERS, "ORG#o", keys.RESERVATION_PREFIX)]

    assert found == [f"RESERVATION#{number:02}" for number in range(30)]
    assert db.requests["query"] > 1


def test_a_query_returns_only_its_prefix(db: MemoryDynamoDB, database: Database) -> None:
    database.commit(_put("a"))
    db.put_item(TableName=HOLDERS, Item=keys.quota("o", "GB300") | encode({"n": 1}))

    assert len(list(database.query(HOLDERS, "ORG#o"))) == 2
    assert len(list(database.query(HOLDERS, "ORG#o", keys.RESERVATION_PREFIX))) == 1


def test_many_keys_are_read_in_as_few_calls_as_possible(db: MemoryDynamoDB, database: Database) -> None:
    for number in range(3):
        database.commit(_put(str(number)))
    wanted = [_key(str(number)) for number in range(BATCH_GET_MAX + 1)]

    assert len(database.get_many(HOLDERS, wanted)) == 3
    assert db.requests["batch_get_item"] == 2


def test_no_keys_need_no_call(db: MemoryDynamoDB, database: Database) -> None:
    assert database.get_many(HOLDERS, []) == []
    assert db.requests["batch_get_item"] == 0


class Unwilling:
    """Returns only unprocessed keys, the first ``rounds`` times."""

    def __init__(self, db: MemoryDynamoDB, rounds: int) -> None:
        self._db = db
        self._rounds = rounds

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        self._rounds -= 1
        if self._rounds >= 0:
            return {"Responses": {}, "UnprocessedKeys": parameters["RequestItems"]}
        return self._db.batch_get_item(**parameters)


def test_unprocessed_keys_are_requested_again(db: MemoryDynamoDB, database: Database) -> None:
    database.commit(_put("a"))

    found = Database(Unwilling(db, 3), RecordedPause()).get_many(HOLDERS, [_key("a")])  # type: ignore[arg-type]

    assert [item["sk"] for item in found] == ["RESERVATION#a"]


def test_keys_that_stay_unprocessed_do_not_count_as_absent(db: MemoryDynamoDB) -> None:
    unwilling = Database(Unwilling(db, 1000), RecordedPause())  # type: ignore[arg-type]

    with pytest.raises(StorageUnavailable) as caught:
        unwilling.get_many(HOLDERS, [_key("a")])
    assert not caught.value.outcome_unknown
