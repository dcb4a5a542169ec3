"""Limits that others rely on, as figures: DynamoDB's own, cache times and numbers of retries."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.dynamodb import database, tombstones, writes
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.tries import Tries
from gpu_capacity.inventory import store as inventory_store
from gpu_capacity.inventory import text
from testkit.claims import record
from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB, transaction_conflict
from testkit.world import HOLDERS, World, create_tables, pod


def test_the_limits_of_dynamodb_are_the_published_ones() -> None:
    assert writes.ACTIONS_MAX == 100
    assert writes.EXPRESSION_BYTES_MAX == 4096
    assert database.BATCH_GET_MAX == 100


def test_a_tombstone_lasts_a_day_and_a_catalogue_entry_a_minute() -> None:
    assert tombstones.TOMBSTONE_SECONDS == 86_400
    assert inventory_store.CATALOG_SECONDS_MAX == 60


def test_a_pod_may_be_as_large_as_an_item_less_ten_kilobytes() -> None:
    assert text.TEXT_BYTES_MAX == 390_000


def test_a_hundred_keys_are_read_in_one_call() -> None:
    db = MemoryDynamoDB()
    create_tables(db)
    wanted = [{"pk": {"S": "ORG#o"}, "sk": {"S": str(n)}} for n in range(100)]

    Database(db).get_many(HOLDERS, wanted)

    assert db.requests["batch_get_item"] == 1


class NeverWhole:
    """Leaves the keys of a batch unprocessed for this many rounds."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        self.rounds -= 1
        left = {"UnprocessedKeys": parameters["RequestItems"]} if self.rounds >= 0 else {}
        return {"Responses": {}, **left}


def test_unprocessed_keys_of_a_batch_are_requested_eight_times_with_growing_pauses() -> None:
    wanted = [{"pk": {"S": "p"}, "sk": {"S": "s"}}]

    pause = RecordedPause()

    assert Database(NeverWhole(7), pause).get_many(HOLDERS, wanted) == []  # type: ignore[arg-type]
    assert pause.attempts == list(range(7))
    with pytest.raises(StorageUnavailable):
        Database(NeverWhole(8), pause).get_many(HOLDERS, wanted)  # type: ignore[arg-type]


def test_a_store_sends_a_transaction_twelve_times_at_most() -> None:
    world = World(pods=(pod("pod1", 4),))
    world.db.before("transact_write_items", transaction_conflict(4, 0), times=None)

    with pytest.raises(StorageUnavailable) as caught:
        world.services.claims.add(record(1), None, Tries())
    assert not caught.value.outcome_unknown
    assert world.pause.attempts == list(range(12))
