"""Features of the in-memory DynamoDB alone: concurrent requests, faults, timeouts, tokens that expire."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from testkit.dynamodb import (
    MemoryDynamoDB,
    internal_error,
    item_conflict,
    request_limited,
    storm,
    throttled,
    throttled_anyhow,
    timeout_after,
    timeout_before,
    transaction_conflict,
    transaction_throttled,
    transaction_throughput_exceeded,
    unreachable,
)
from tests.contract.dynamodb.backends import Backend, key, with_table

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = "attribute_not_exists(pk)"


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(clock: Clock) -> MemoryDynamoDB:
    return MemoryDynamoDB(now=clock)


@pytest.fixture
def store(db: MemoryDynamoDB) -> Backend:
    return with_table("fake", db)


def _put(store: Backend, sk: str, **more: Any) -> None:
    store.client.put_item(TableName=store.table, Item=key("a", sk), **more)


def _code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    code: str = caught.value.response["Error"]["Code"]
    return code


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (throttled, "ProvisionedThroughputExceededException", 400),
        (request_limited, "ThrottlingException", 400),
        (item_conflict, "TransactionConflictException", 400),
        (internal_error, "InternalServerError", 500),
    ],
)
def test_a_fault_before_a_write_stores_nothing(
    db: MemoryDynamoDB, store: Backend, fault: Callable[[], Any], code: str, status: int
) -> None:
    db.before("put_item", fault())

    with pytest.raises(ClientError) as caught:
        _put(store, "1")

    assert _code(caught) == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert caught.value.operation_name == "PutItem"
    assert len(db.table(store.table)) == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [(timeout_before, ConnectTimeoutError), (unreachable, EndpointConnectionError)],
)
def test_a_connection_that_fails_before_a_write_stores_nothing(
    db: MemoryDynamoDB, store: Backend, fault: Callable[[], Any], error: type[Exception]
) -> None:
    db.before("put_item", fault())

    with pytest.raises(error):
        _put(store, "1")

    assert ("a", "1") not in db.table(store.table)


@pytest.mark.parametrize(
    ("fault", "error"), [(timeout_after, ReadTimeoutError), (internal_error, ClientError)]
)
def test_a_timeout_after_a_write_keeps_the_write(
    db: MemoryDynamoDB, store: Backend, fault: Callable[[], Any], error: type[Exception]
) -> None:
    db.after("transact_write_items", fault())

    with pytest.raises(error):
        db.transact_write_items(TransactItems=[store.put_statement("a", "1", {})])

    assert ("a", "1") in db.table(store.table)


def test_a_fault_happens_once_by_default(db: MemoryDynamoDB, store: Backend) -> None:
    hook = db.before("put_item", throttled())
    with pytest.raises(ClientError):
        _put(store, "1")

    _put(store, "1")

    assert hook.fired == 1
    assert ("a", "1") in db.table(store.table)


def test_a_fault_can_wait_and_repeat(db: MemoryDynamoDB, store: Backend) -> None:
    hook = db.before("put_item", throttled(), times=None, skip=1)
    _put(store, "1")

    for sk in ("2", "3"):
        with pytest.raises(ClientError):
            _put(store, sk)
    hook.cancel()
    _put(store, "4")

    assert [item["sk"]["S"] for item in db.table(store.table).items()] == ["1", "4"]


def test_a_fault_can_be_limited_to_some_calls(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("put_item", throttled(), only=lambda parameters: parameters["Item"]["sk"] == {"S": "2"})
    _put(store, "1")

    with pytest.raises(ClientError):
        _put(store, "2")

    assert ("a", "1") in db.table(store.table)


def test_a_star_stands_for_every_operation(db: MemoryDynamoDB, store: Backend) -> None:
    seen: list[str] = []
    db.before("*", lambda operation, _: seen.append(operation), times=None)

    _put(store, "1")
    store.get("a", "1")

    assert seen == ["put_item", "get_item"]


def test_a_conflict_names_the_statement_that_met_it(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("transact_write_items", transaction_conflict(3, at=1))

    response = store.refused(
        "transact_write_items", TransactItems=[store.put_statement("a", str(n), {}) for n in range(3)]
    )

    assert response["Error"]["Code"] == "TransactionCanceledException"
    codes = [reason["Code"] for reason in response["CancellationReasons"]]
    assert codes == ["None", "TransactionConflict", "None"]
    assert len(db.table(store.table)) == 0


def test_a_throttled_transaction_names_its_statements(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("transact_write_items", transaction_throttled(2, at=(0, 1)))

    response = store.refused("transact_write_items", TransactItems=[store.put_statement("a", "1", {})])

    codes = [reason["Code"] for reason in response["CancellationReasons"]]
    assert codes == ["ThrottlingError", "ThrottlingError"]


def test_a_transaction_over_its_throughput_names_its_statements(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("transact_write_items", transaction_throughput_exceeded(2, at=1))

    response = store.refused("transact_write_items", TransactItems=[store.put_statement("a", "1", {})])

    codes = [reason["Code"] for reason in response["CancellationReasons"]]
    assert codes == ["None", "ProvisionedThroughputExceeded"]


def test_throttling_can_take_every_form_of_the_service(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("*", throttled_anyhow(Random(1)), times=None)  # noqa: S311 - a seed, no secret
    seen = set()
    for _ in range(40):
        response = store.refused("transact_write_items", TransactItems=[store.put_statement("a", "1", {})])
        seen |= {response["Error"]["Code"], *(r["Code"] for r in response.get("CancellationReasons", ()))}

    assert seen == {
        *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"),
        *("TransactionCanceledException", "ThrottlingError", "ProvisionedThroughputExceeded"),
    }
    assert len(db.table(store.table)) == 0


def test_a_storm_of_faults_ends_by_its_clock(db: MemoryDynamoDB, store: Backend, clock: Clock) -> None:
    until = clock.seconds + 30
    db.before("*", storm(throttled(), lambda: clock.seconds, until), times=None)
    for _ in range(3):
        clock.seconds += 9
        with pytest.raises(ClientError):
            _put(store, "1")

    clock.seconds = until
    _put(store, "1")

    assert ("a", "1") in db.table(store.table)


def test_a_conflict_must_name_an_existing_statement() -> None:
    with pytest.raises(ValueError, match="not all among 2"):
        transaction_conflict(2, at=2)


def test_another_request_can_run_before_a_write(db: MemoryDynamoDB, store: Backend) -> None:
    db.before("put_item", lambda *_: store.put("a", "1", holder={"S": "rival"}))

    response = store.refused(
        "put_item",
        Item={**key("a", "1"), "holder": {"S": "mine"}},
        ConditionExpression=NEW,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert response["Item"]["holder"] == {"S": "rival"}


def test_the_injected_request_is_not_intercepted_itself(db: MemoryDynamoDB, store: Backend) -> None:
    hook = db.before("put_item", lambda *_: store.put("a", "rival"), times=None)

    _put(store, "1")
    _put(store, "2")

    assert hook.fired == 2
    assert len(db.table(store.table)) == 3


def test_several_injected_requests_run_one_after_the_other(db: MemoryDynamoDB, store: Backend) -> None:
    for number in range(3):
        db.before("put_item", lambda *_, n=number: store.put("a", "1", last={"N": str(n)}))

    assert store.refusal_code("put_item", Item=key("a", "1"), ConditionExpression=NEW) == (
        "ConditionalCheckFailedException"
    )
    assert store.get("a", "1") == {**key("a", "1"), "last": {"N": "2"}}


def test_a_refused_call_does_not_trigger_faults_after_success(db: MemoryDynamoDB, store: Backend) -> None:
    store.put("a", "1")
    hook = db.after("put_item", timeout_after())

    store.refused("put_item", Item=key("a", "1"), ConditionExpression=NEW)

    assert hook.fired == 0


def test_a_scheduler_is_notified_of_every_call(db: MemoryDynamoDB, store: Backend) -> None:
    seen: list[str] = []
    db.interrupt = seen.append

    _put(store, "1")
    store.refused("put_item", Item=key("a", "1"), ConditionExpression=NEW)
    store.query("pk = :a", {":a": {"S": "a"}})

    assert seen == ["put_item", "put_item", "query"]


def _counted(store: Backend, token: str) -> None:
    count = store.statement(
        "Update",
        "quota",
        "org",
        UpdateExpression="ADD used :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    store.client.transact_write_items(TransactItems=[count], ClientRequestToken=token)


@pytest.mark.parametrize(("seconds", "used"), [(599.0, "1"), (600.0, "2")])
def test_a_request_token_is_remembered_for_ten_minutes(
    store: Backend, clock: Clock, seconds: float, used: str
) -> None:
    _counted(store, "token")
    clock.seconds += seconds

    _counted(store, "token")

    assert store.get("quota", "org") == {**key("quota", "org"), "used": {"N": used}}


def test_a_write_that_timed_out_is_replayed_by_its_token(db: MemoryDynamoDB, store: Backend) -> None:
    db.after("transact_write_items", timeout_after())
    with pytest.raises(ReadTimeoutError):
        _counted(store, "token")

    _counted(store, "token")

    assert store.get("quota", "org") == {**key("quota", "org"), "used": {"N": "1"}}
