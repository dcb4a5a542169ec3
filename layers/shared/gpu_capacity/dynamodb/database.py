"""Sends reads and writes to DynamoDB, and reduces its responses to a few outcomes.

``commit`` returns the decision of the database. It raises ``StorageUnavailable`` only if there is no
decision; ``outcome_unknown`` says whether the write may have been committed nevertheless.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from botocore.exceptions import ClientError

from gpu_capacity.adapters.aws_failures import (
    AWS_ERRORS,
    Failure,
    error_code,
    failure_of,
    failure_of_reasons,
)
from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.dynamodb.client import DynamoDBClient, Item, decode
from gpu_capacity.dynamodb.keys import can_exist
from gpu_capacity.dynamodb.tombstones import has_expired
from gpu_capacity.dynamodb.writes import ACTIONS_MAX, Delete, Put, Update, Write, transaction_item
from gpu_capacity.errors import StorageUnavailable, UnreadableItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.ports import Clock, Pause

BATCH_GET_MAX: Final = 100
LAST_CHARACTER: Final = "\U0010ffff"
"""Sorts after every other character in DynamoDB, which compares bytes."""
_BATCH_ROUNDS_MAX: Final = 8

_CONDITION_FAILED: Final = "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True)
class Committed:
    """The write was committed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition was not met. Nothing was written.

    ``items`` maps the label of each write whose condition failed to the current item, decoded; ``None`` if
    there is no item.
    """

    items: dict[str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Busy:
    """Another transaction was in progress on one of the items. Nothing was written. Send the write again."""


Value = TypeVar("Value")
Outcome: TypeAlias = Committed | Refused | Busy


class Database:
    """The only class that calls DynamoDB.

    Args:
        client: a low-level DynamoDB client that retries transient failures by itself.
        pause: waits before the unprocessed keys of a batch are requested again. Stores use it, too.
        clock: tells which items have expired. Reads never return expired items that DynamoDB still has.
        unreadable: called with the error for each item that ``readable`` skips.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        pause: Pause | None = None,
        clock: Clock | None = None,
        unreadable: Callable[[UnreadableItem], None] | None = None,
    ) -> None:
        self._client = client
        self.pause: Pause = pause or JitteredPause()
        self._clock: Clock = clock or SystemClock()
        self._unreadable = unreadable or _warn

    def get(self, table: str, key: Key, *, consistent: bool = True) -> dict[str, Any] | None:
        """One item, decoded; ``None`` if it does not exist."""
        if not _can_exist(key):
            return None
        answer = self._send("get_item", TableName=table, Key=key, ConsistentRead=consistent)
        return next(self._present([answer["Item"]]), None) if "Item" in answer else None

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[dict[str, Any]]:
        """The items under these keys that exist, in no particular order."""
        found: list[dict[str, Any]] = []
        keys = [key for key in keys if _can_exist(key)]
        for start in range(0, len(keys), BATCH_GET_MAX):
            wanted: Any = {table: {"Keys": keys[start : start + BATCH_GET_MAX], "ConsistentRead": consistent}}
            for attempt in range(_BATCH_ROUNDS_MAX):
                answer = self._send("batch_get_item", RequestItems=wanted)
                found.extend(self._present(answer["Responses"].get(table, [])))
                wanted = answer.get("UnprocessedKeys")
                if not wanted:
                    break
                # The unprocessed keys were throttled. Without a pause they would be throttled again.
                self.pause(attempt)
            else:
                raise StorageUnavailable("the database left keys of a batch unread", outcome_unknown=False)
        return found

    def query(
        self,
        table: str,
        partition: str,
        prefix: str = "",
        *,
        consistent: bool = True,
        limit: int | None = None,
        first: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Items of a partition whose sort key begins with ``prefix``, in key order, decoded.

        Args:
            table: the table to read.
            partition: the partition key.
            prefix: the beginning of the sort keys.
            consistent: whether to read strongly consistent.
            limit: how many items one request fetches, for callers that stop early.
            first: omits items whose sort key, after the prefix, is smaller.
        """
        if not can_exist(partition, prefix):
            return
        condition = "pk = :pk"
        values = {":pk": {"S": partition}}
        if first:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": {"S": prefix + first}, ":last": {"S": prefix + LAST_CHARACTER}}
        elif prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        yield from self._pages(
            TableName=table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=consistent,
            **({} if limit is None else {"Limit": limit}),
        )

    def query_backwards(
        self, table: str, partition: str, prefix: str, *, below: str | None = None, limit: int
    ) -> Iterator[dict[str, Any]]:
        """Items of a partition whose sort key begins with ``prefix``, in reverse order, strongly consistent.

        Args:
            table: the table to read.
            partition: the partition key.
            prefix: the beginning of the sort keys.
            below: omits items whose sort key, after the prefix, is equal or larger.
            limit: how many items one request fetches.
        """
        values = {":pk": {"S": partition}, ":first": {"S": prefix}}
        condition = "pk = :pk AND begins_with(sk, :first)"
        if below is not None:
            condition = "pk = :pk AND sk BETWEEN :first AND :last"
            values[":last"] = {"S": prefix + below}
        found = self._pages(
            TableName=table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=limit,
        )
        yield from (item for item in found if below is None or item["sk"] != prefix + below)

    def query_index(
        self,
        table: str,
        index: str,
        partitions: tuple[str, Sequence[str]],
        times: tuple[str, int, int],
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Entries of several index partitions whose sort attribute is between two numbers, both included.

        Eventually consistent. Each partition is in the order of the sort attribute. The partitions take
        turns, so that a large one cannot starve the others if the caller stops early.

        Args:
            table: the table to read.
            index: the name of the index.
            partitions: the name of the index's partition attribute, and its values.
            times: the name of the index's sort attribute, the smallest and the largest number.
            newest_first: whether to read in descending order.
            limit: how many entries one request fetches of a partition, for callers that stop early.
        """
        attribute, names = partitions
        pages = [
            self._pages(
                TableName=table,
                IndexName=index,
                KeyConditionExpression="#partition = :partition AND #time BETWEEN :since AND :until",
                ExpressionAttributeNames={"#partition": attribute, "#time": times[0]},
                ExpressionAttributeValues={
                    ":partition": {"S": name},
                    ":since": {"N": str(times[1])},
                    ":until": {"N": str(times[2])},
                },
                ScanIndexForward=not newest_first,
                **({} if limit is None else {"Limit": limit}),
            )
            for name in names
        ]
        for row in zip_longest(*pages):
            yield from (entry for entry in row if entry is not None)

    def scan_page(self, table: str, after: Key | None = None) -> tuple[list[dict[str, Any]], Key | None]:
        """One page of a scan of a table, decoded and strongly consistent, and the key to continue after.

        Items are in no particular order. The key is ``None`` after the last page.
        """
        more: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": after}
        answer = self._send("scan", TableName=table, ConsistentRead=True, **more)
        return list(self._present(answer["Items"])), answer.get("LastEvaluatedKey")

    def now(self) -> int:
        """Seconds since the epoch, by the clock that decides which items have expired."""
        return self._clock.now()

    def readable(
        self, items: Iterable[dict[str, Any]], decode_item: Callable[[dict[str, Any]], Value]
    ) -> Iterator[Value]:
        """Decode items. One that cannot be decoded is reported and skipped; the others are returned."""
        for item in items:
            try:
                value = decode_item(item)
            except UnreadableItem as error:
                self._unreadable(error)
            else:
                yield value

    def commit(self, *actions: Action) -> Outcome:
        """Write one action, or several in one transaction.

        Raises:
            StorageUnavailable: the database gave no decision.
            ValueError: the transaction has too many actions, or a key is longer than DynamoDB allows.
        """
        if len(actions) > ACTIONS_MAX:
            raise ValueError(f"{len(actions)} actions, a transaction takes {ACTIONS_MAX}")
        if not all(_can_exist(action.target) for action in actions):
            raise ValueError("a key is longer than a key can be")
        if len(actions) == 1 and isinstance(actions[0], Put | Update | Delete):
            return self._commit_one(actions[0])
        try:
            self._call("transact_write_items", TransactItems=[transaction_item(a) for a in actions])
        except ClientError as error:
            return _cancelled(error, actions)
        return Committed()

    def _commit_one(self, write: Write) -> Outcome:
        operation = {Put: "put_item", Update: "update_item", Delete: "delete_item"}[type(write)]
        try:
            self._call(operation, **write.request())
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return Refused({write.label: _old_item(error.response)})
            if failure_of(error) is Failure.CONFLICT:
                return Busy()
            raise
        return Committed()

    def _present(self, items: Iterable[Item]) -> Iterator[dict[str, Any]]:
        """Decode items, without those that have expired."""
        now = self._clock.now()
        return (item for item in map(decode, items) if not has_expired(item, now))

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._send("query", **request)
            yield from self._present(answer["Items"])
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def _send(self, operation: str, **request: Any) -> dict[str, Any]:
        """Send a read. Nothing is written, whatever fails."""
        try:
            return self._call(operation, **request)
        except StorageUnavailable as error:
            raise StorageUnavailable(str(error), outcome_unknown=False) from error

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except AWS_ERRORS as error:
            match failure_of(error):
                case Failure.NOT_DONE:
                    raise StorageUnavailable(f"{operation}: throttled", outcome_unknown=False) from error
                case Failure.UNKNOWN:
                    raise StorageUnavailable(f"{operation}: no answer", outcome_unknown=True) from error
            raise
        return answer


def _warn(error: UnreadableItem) -> None:
    logging.getLogger(__name__).warning("left out: %s", error)


def _can_exist(key: Key) -> bool:
    return can_exist(key["pk"]["S"], key["sk"]["S"])


def _cancelled(error: ClientError, actions: Sequence[Action]) -> Outcome:
    """The outcome of a cancelled transaction. Its reasons are in the order of the actions."""
    if failure_of(error) is Failure.CONFLICT:
        return Busy()
    if error_code(error) != "TransactionCanceledException":
        raise error
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    refused = {
        action.label: _old_item(reason)
        for action, reason in zip(actions, reasons, strict=True)
        if reason.get("Code") == _CONDITION_FAILED
    }
    if refused:
        # A refusal has precedence over a conflict, because the same transaction could not succeed later.
        return Refused(refused)
    match failure_of_reasons(reason.get("Code") for reason in reasons):
        case Failure.CONFLICT:
            return Busy()
        case Failure.NOT_DONE:
            raise StorageUnavailable("transaction throttled", outcome_unknown=False) from error
    raise error


def _old_item(answer: Any) -> dict[str, Any] | None:
    item: Item | None = answer.get("Item")
    return decode(item) if item else None
