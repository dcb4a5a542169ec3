"""An in-memory DynamoDB; the contract suite compares it with the emulators and the service.

    db = MemoryDynamoDB()
    db.create_table(...)
    db.before("transact_write_items", lambda operation, parameters: rival())
    db.after("put_item", timeout_after())

It simulates what no emulator does: transaction conflicts, throttling, lost answers, stale reads.
"""

from testkit.dynamodb.client import MemoryDynamoDB
from testkit.dynamodb.faults import (
    Died,
    connection_reset,
    dies,
    internal_error,
    item_conflict,
    request_limited,
    storm,
    throttled,
    throttled_anyhow,
    timeout_after,
    timeout_before,
    too_many_requests,
    transaction_cancelled,
    transaction_conflict,
    transaction_throttled,
    transaction_throughput_exceeded,
    unreachable,
)
from testkit.dynamodb.hooks import Hook

__all__ = [
    "Died",
    "Hook",
    "MemoryDynamoDB",
    "connection_reset",
    "dies",
    "internal_error",
    "item_conflict",
    "request_limited",
    "storm",
    "throttled",
    "throttled_anyhow",
    "timeout_after",
    "timeout_before",
    "too_many_requests",
    "transaction_cancelled",
    "transaction_conflict",
    "transaction_throttled",
    "transaction_throughput_exceeded",
    "unreachable",
]
