"""Sends writes and reads, and turns every answer of DynamoDB into one of few outcomes.

``commit`` returns what the database decided. It raises only when it does not know:
``StorageUnavailable``, whose ``outcome_unknown`` tells whether the write may have happened.
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
"""Sorts after every other character, by its bytes as DynamoDB does."""
_BATCH_ROUNDS_MAX: Final = 8

_CONDITION_FAILED: Final = "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True)
class Committed:
    """The write stands."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition did not hold; nothing was written.

    ``items`` maps the label of each write whose condition failed to the item as it stood, decoded, or to
    ``None`` where there was no item.
    """

    items: dict[str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Busy:
    """Another transaction was in flight on one of the items; nothing was written. Send it again as it is."""


Value = TypeVar("Value")
Outcome: TypeAlias = Committed | Refused | Busy


class Database:
    """The only place that calls DynamoDB.

    Args:
        client: a low-level DynamoDB client that itself sends again what failed in passing.
        pause: waits before keys of a batch are asked for again, and for stores that send again.
        clock: for items that have ended but are still there, which no read returns.
        unreadable: is told of each item that a reader of many leaves out.
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
        """One item, decoded, or ``None``."""
        if not _can_exist(key):
            return None
        answer = self._send("get_item", TableName=table, Key=key, ConsistentRead=consistent)
        return next(self._present([answer["Item"]]), None) if "Item" in answer else None

    def get_many(self, table: str, keys: Sequence[Key], *, consistent: bool = True) -> list[dict[str, Any]]:
        """The items that exist among ``keys``, in no particular order."""
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
                # What is left was throttled: asked for at once it would be left again.
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

        ``limit`` is how many one request fetches: for callers that stop early. ``first`` leaves out what
        comes before it under the prefix.
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
        """Items of a partition whose sort key begins with ``prefix``, last first, strongly consistent.

        ``below`` is where what comes after the prefix has to end, itself left out; ``limit`` is how many one
        request fetches.
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
    ) -> Iterator[dict[str, Any]]:
        """Entries of several index partitions whose sort attribute lies between two numbers, both included.

        Eventually consistent, and each partition in the order of that attribute. The partitions take turns,
        so that a full one cannot starve the others of a reader that stops early.
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
            )
            for name in names
        ]
        for row in zip_longest(*pages):
            yield from (entry for entry in row if entry is not None)

    def scan_page(self, table: str, after: Key | None = None) -> tuple[list[dict[str, Any]], Key | None]:
        """A page of all items of a table, decoded, strongly consistent, and the key to go on after.

        They come in no order that means anything. Without a key to go on after this was the last page.
        """
        more: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": after}
        answer = self._send("scan", TableName=table, ConsistentRead=True, **more)
        return list(self._present(answer["Items"])), answer.get("LastEvaluatedKey")

    def now(self) -> int:
        """Seconds since the epoch by the clock that tells what has ended."""
        return self._clock.now()

    def readable(
        self, items: Iterable[dict[str, Any]], decode_item: Callable[[dict[str, Any]], Value]
    ) -> Iterator[Value]:
        """Items as values. One that cannot be read is told of and left out: it must not hide the others."""
        for item in items:
            try:
                value = decode_item(item)
            except UnreadableItem as error:
                self._unreadable(error)
            else:
                yield value

    def commit(self, *actions: Action) -> Outcome:
        """Write one action, or several of them all or none.

        Raises:
            StorageUnavailable: the database did not say whether the write stands.
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
        """Decoded, without those that have ended."""
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
        """A read: whatever goes wrong, nothing was written."""
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
    """Read a cancelled transaction: its reasons stand in the order of the actions."""
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
        # A refusal outweighs a conflict: sending the same thing again could not succeed.
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
