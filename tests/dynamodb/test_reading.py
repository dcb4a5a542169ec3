"""What stores read, how often, and how they treat failed reads and writes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import StorageUnavailable
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import GB300, HOLDERS, REGION, World, create_tables, pod


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 4), pod("pod2", 2)))


class Failing:
    """A client whose every write fails with this error."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def put_item(self, **_request: Any) -> Any:
        raise ClientError(self._answer, "PutItem")


def _write(answer: Any) -> None:
    Database(Failing(answer)).commit(Put("a", HOLDERS, keys.quota("o", "s")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        {"Error": {"Code": "InternalServerError"}},
        {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
        {"Error": {"Code": "Unheard"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
        {"Error": {"Code": "Unheard"}, "ResponseMetadata": {"HTTPStatusCode": 503}},
    ],
)
def test_a_write_with_a_server_error_has_an_unknown_outcome(answer: Any) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        _write(answer)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    "answer",
    [
        {"Error": {"Code": "Unheard"}},
        {"Error": {"Code": "Unheard"}, "ResponseMetadata": {}},
        {"Error": {"Code": "Unheard"}, "ResponseMetadata": {"HTTPStatusCode": 499}},
    ],
)
def test_a_write_refused_as_invalid_raises(answer: Any) -> None:
    with pytest.raises(ClientError):
        _write(answer)


def test_a_partition_with_an_invalid_key_is_empty_without_a_read() -> None:
    db = MemoryDynamoDB()
    create_tables(db)

    assert list(Database(db).query(HOLDERS, "ORG#" + "x" * 2048)) == []
    assert list(Database(db).query(HOLDERS, "ORG#o", "\ud800")) == []
    assert db.requests["query"] == 0


def test_a_snapshot_is_tried_four_times(world: World) -> None:
    versions = iter(range(2, 100))

    def sync(_operation: str, _parameters: dict[str, Any]) -> None:
        world.load((pod("pod1", 8, version=next(versions)),))

    world.db.before("query", sync, times=None)
    with pytest.raises(StorageUnavailable):
        world.services.inventory.fresh_snapshot(REGION, GB300.id)

    # Ownership and shapes each time.
    assert world.db.requests["query"] == 8


def test_a_snapshot_that_was_dropped_is_read_again(world: World) -> None:
    inventory = world.services.inventory
    inventory.snapshot(REGION, GB300.id)
    inventory.forget_snapshot(REGION, GB300.id)

    assert inventory.snapshot(REGION, GB300.id)[1] is True
    inventory.forget_snapshot("elsewhere", GB300.id)


def test_ownership_returned_with_a_refusal_is_used(world: World) -> None:
    inventory = world.services.inventory
    inventory.snapshot(REGION, GB300.id)
    item = {"pk": "any", "sk": "POD#pod1", "v": 1, "d0": b"12345678", "d2": {"ab": 1}}

    inventory.note_owners(REGION, GB300.id, item)

    snapshot, fresh = inventory.snapshot(REGION, GB300.id)
    assert not fresh
    assert snapshot.ownership["pod1"].owned == 0b101
    assert snapshot.ownership["pod1"].parts == {2: {"ab": 1}}
    assert snapshot.counts().available == 4
