"""The in-memory DynamoDB: the part of boto3's low-level client that the product uses."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from testkit.dynamodb import reads, search, transactions, writes
from testkit.dynamodb.errors import REQUEST_ID, RefusedError, invalid, to_client_error
from testkit.dynamodb.hooks import AFTER, BEFORE, Hook, Hooks
from testkit.dynamodb.meter import READ, WRITE, Meter
from testkit.dynamodb.parameters import check_parameters
from testkit.dynamodb.schema import Schema
from testkit.dynamodb.storage import HISTORY_WRITES_MAX, Storage, Table, TableView

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb.hooks import Filter, Interceptor
    from testkit.dynamodb.storage import Watcher
    from testkit.dynamodb.values import Item

    Work = Callable[[Storage, Meter], dict[str, Any]]

# Operations whose answers have one ConsumedCapacity for each table instead of a single one.
LISTED = frozenset({"batch_get_item", "batch_write_item", "transact_write_items", "transact_get_items"})
TRANSACTIONS = frozenset({"transact_write_items", "transact_get_items"})
ARN_PREFIX = "arn:aws:dynamodb:us-east-1:000000000000:table/"


class MemoryDynamoDB:
    """DynamoDB in memory: the keyword arguments, answers and errors of `boto3.client("dynamodb")`.

    Thread safe: each call is one atomic step. Interceptors and `interrupt` run outside of the lock.

    Attributes:
        requests: calls by operation in snake case, refused ones included.
        write_units, read_units: capacity units of all calls so far, failed conditions included.
        interrupt: called with the operation at the start of every call, so that a scheduler can switch there.

    Args:
        now: seconds, for the ten minutes of a request token; only differences matter.
        trusting: do not check parameters against boto3's model of the service, and let reads answer the
            stored items themselves, which nobody may change: for runs of millions of calls.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, *, trusting: bool = False) -> None:
        self._trusting = trusting
        self.requests: Counter[str] = Counter()
        self.write_units = 0.0
        self.read_units = 0.0
        self.interrupt: Callable[[str], None] = _go_on
        self._storage = Storage(now, lends=trusting)
        self._hooks = Hooks()
        self._lock = threading.RLock()

    # Assertions.

    def table(self, name: str) -> TableView:
        """A table for assertions: `len(..)`, `("pk", "sk") in ..`, `.items()`, `.get(("pk", "sk"))`."""
        return TableView(self._storage.table(name), lends=self._storage.lends)

    def dump(self) -> dict[str, list[Item]]:
        """Return everything in canonical form: two dumps are equal exactly if the contents are.

        A copy; in a trusting fake the stored items themselves, which must not be changed.
        """
        with self._lock:
            return {name: self.table(name).items() for name in sorted(self._storage.tables)}

    @property
    def consumed(self) -> dict[str, float]:
        """Return all units so far: `{"ReadCapacityUnits": .., "WriteCapacityUnits": ..}`."""
        return {READ: self.read_units, WRITE: self.write_units}

    # Faults, rivals, stale reads.

    def before(
        self,
        operation: str,
        interceptor: Interceptor,
        *,
        times: int | None = 1,
        skip: int = 0,
        only: Filter | None = None,
    ) -> Hook:
        """Run `interceptor(operation, parameters)` before a call of this operation (`"*"` for any) is served.

        The caller gets what it raises, and nothing is stored then. It runs for the next `times` calls (None:
        always), after `skip` calls; only calls for which `only(parameters)` is true count.
        """
        return self._hooks.add(Hook(BEFORE, operation, interceptor, times=times, skip=skip, only=only))

    def calm(self) -> None:
        """Remove every interceptor."""
        self._hooks.clear()

    def after(
        self,
        operation: str,
        interceptor: Interceptor,
        *,
        times: int | None = 1,
        skip: int = 0,
        only: Filter | None = None,
    ) -> Hook:
        """Like `before`, but after the call has succeeded: raising here loses the answer."""
        return self._hooks.add(Hook(AFTER, operation, interceptor, times=times, skip=skip, only=only))

    def copy(self, now: Callable[[], float] = time.monotonic) -> MemoryDynamoDB:
        """Return a fake with the same tables and items, without hooks, history and request tokens."""
        twin = MemoryDynamoDB(now, trusting=self._trusting)
        with self._lock:
            twin._storage.tables = {name: table.copy() for name, table in self._storage.tables.items()}
        return twin

    def resume(self, other: MemoryDynamoDB) -> None:
        """Replace all tables by copies of the other one's; the past is forgotten."""
        with self._lock:
            self._storage.tables = other.copy()._storage.tables

    @property
    def interceptors(self) -> int:
        """Return how many are registered."""
        return len(self._hooks)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` after every write with what it changed: (table, plain key, item before, item after).

        All changes of one transaction come in one call. The items are the stored ones: do not change them.
        """
        with self._lock:
            self._storage.watcher = watcher

    def read_stale(self, *, lag_writes: int = 1) -> None:
        """From now on answer eventually consistent reads with the state of `lag_writes` writes ago.

        0 ends it. Queries of an index are always eventually consistent.
        """
        if not 0 <= lag_writes <= HISTORY_WRITES_MAX:
            raise ValueError(f"lag_writes must be between 0 and {HISTORY_WRITES_MAX}")
        with self._lock:
            self._storage.stale_reads = lag_writes > 0
            self._storage.lag_writes = lag_writes

    # Tables.

    def create_table(self, **parameters: Any) -> dict[str, Any]:
        """As boto3; the table is active at once."""
        return self._call("create_table", parameters, lambda storage, _: _create_table(storage, parameters))

    def describe_table(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call(
            "describe_table",
            parameters,
            lambda storage, _: _described(storage.table(parameters["TableName"])),
        )

    def delete_table(self, **parameters: Any) -> dict[str, Any]:
        """As boto3; the table is gone at once."""
        return self._call("delete_table", parameters, lambda storage, _: _delete_table(storage, parameters))

    # Items.

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call("get_item", parameters, lambda s, m: reads.get_one(s, m, parameters))

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3; everything is processed."""
        return self._call("batch_get_item", parameters, lambda s, m: reads.batch_get(s, m, parameters))

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call("put_item", parameters, lambda s, m: writes.write_one(s, m, "Put", parameters))

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call(
            "update_item", parameters, lambda s, m: writes.write_one(s, m, "Update", parameters)
        )

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call(
            "delete_item", parameters, lambda s, m: writes.write_one(s, m, "Delete", parameters)
        )

    def batch_write_item(self, **parameters: Any) -> dict[str, Any]:
        """As boto3; everything is processed."""
        return self._call("batch_write_item", parameters, lambda s, m: writes.batch_write(s, m, parameters))

    def query(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call("query", parameters, lambda s, m: search.query(s, m, parameters))

    def scan(self, **parameters: Any) -> dict[str, Any]:
        """As boto3, without segments."""
        return self._call("scan", parameters, lambda s, m: search.scan(s, m, parameters))

    def transact_write_items(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call(
            "transact_write_items", parameters, lambda s, m: transactions.transact_write(s, m, parameters)
        )

    def transact_get_items(self, **parameters: Any) -> dict[str, Any]:
        """As boto3."""
        return self._call(
            "transact_get_items", parameters, lambda s, m: transactions.transact_get(s, m, parameters)
        )

    def _call(self, operation: str, parameters: dict[str, Any], work: Work) -> dict[str, Any]:
        if not self._trusting:
            check_parameters(operation, parameters)
        self.interrupt(operation)
        self._hooks.run(BEFORE, operation, parameters)
        meter = Meter()
        with self._lock:
            self.requests[operation] += 1
            try:
                response = work(self._storage, meter)
            except RefusedError as refusal:
                raise to_client_error(operation, refusal) from None
            finally:
                # Also for a refused call: a condition that fails is billed.
                self.write_units += meter.total(WRITE)
                self.read_units += meter.total(READ)
        _add_capacity(response, operation, parameters, meter)
        response["ResponseMetadata"] = {
            "RequestId": REQUEST_ID,
            "HTTPStatusCode": 200,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        }
        self._hooks.run(AFTER, operation, parameters)
        return response


def _go_on(_operation: str) -> None:
    """The default of `interrupt`: does nothing."""


def _add_capacity(response: dict[str, Any], operation: str, parameters: dict[str, Any], meter: Meter) -> None:
    mode = parameters.get("ReturnConsumedCapacity", "NONE")
    if mode == "NONE":
        return
    listed = meter.listed(mode, split=operation in TRANSACTIONS)
    response["ConsumedCapacity"] = listed if operation in LISTED else listed[0]


def _create_table(storage: Storage, parameters: dict[str, Any]) -> dict[str, Any]:
    name = parameters["TableName"]
    if name in storage.tables:
        raise RefusedError("ResourceInUseException", f"Table already exists: {name}")
    if parameters.get("BillingMode") != "PAY_PER_REQUEST" and "ProvisionedThroughput" not in parameters:
        raise invalid("No provisioned throughput specified for the table")
    storage.tables[name] = Table(Schema.declared(parameters), parameters)
    return {"TableDescription": _described(storage.tables[name])["Table"]}


def _delete_table(storage: Storage, parameters: dict[str, Any]) -> dict[str, Any]:
    table = storage.table(parameters["TableName"])
    del storage.tables[parameters["TableName"]]
    return {"TableDescription": {**_described(table)["Table"], "TableStatus": "DELETING"}}


def _described(table: Table) -> dict[str, Any]:
    given = table.description
    name = table.schema.table_name
    described: dict[str, Any] = {
        "TableName": name,
        "TableArn": ARN_PREFIX + name,
        "TableStatus": "ACTIVE",
        "ItemCount": len(table),
        "KeySchema": [dict(element) for element in given["KeySchema"]],
        "AttributeDefinitions": [dict(definition) for definition in given["AttributeDefinitions"]],
        "BillingModeSummary": {"BillingMode": given.get("BillingMode", "PROVISIONED")},
    }
    if given.get("GlobalSecondaryIndexes"):
        described["GlobalSecondaryIndexes"] = [
            {**index, "IndexStatus": "ACTIVE", "IndexArn": f"{ARN_PREFIX}{name}/index/{index['IndexName']}"}
            for index in given["GlobalSecondaryIndexes"]
        ]
    return {"Table": described}
