"""DynamoDB as one execution environment sees it: others may run before a call, and any call may fail."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from proof.faults import Fault, Killed, Kind
from testkit.dynamodb import (
    connection_reset,
    internal_error,
    item_conflict,
    throttled_anyhow,
    timeout_after,
    timeout_before,
    transaction_conflict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults import FaultSource
    from proof.turns import Turns
    from testkit.dynamodb import MemoryDynamoDB

    Response = dict[str, Any]
    Note = Callable[[str, str, str], None]

TRANSACTION: Final = "transact_write_items"
_READS: Final = (Kind.THROTTLED, Kind.ERROR_500, Kind.TIMEOUT_BEFORE, Kind.RESET, Kind.KILLED)
_INDEX_READS: Final = (*_READS, *[Kind.STALE_READ] * 15)
_WRITES: Final = (
    Kind.THROTTLED,
    Kind.ERROR_500,
    Kind.TIMEOUT_BEFORE,
    Kind.TIMEOUT_AFTER,
    Kind.TIMEOUT_AFTER,
    Kind.CONFLICT,
    Kind.RESET,
    Kind.SENT_TWICE,
    Kind.LATE,
    Kind.LATE,
    Kind.KILLED,
    Kind.KILLED,
    Kind.STRAY,
    Kind.STRAY,
)
_KINDS: Final = {
    **dict.fromkeys(("get_item", "batch_get_item", "query", "scan", "transact_get_items"), _READS),
    **dict.fromkeys(("put_item", "update_item", "delete_item", TRANSACTION), _WRITES),
}
WRITES: Final = frozenset({"put_item", "update_item", "delete_item", TRANSACTION})
LAG_WRITES_MAX: Final = 12
DELAYS_MS: Final = (200, 1_000, 5_000, 20_000, 60_000)
"""How late a write may land, in milliseconds: up to long after its sender has moved on."""
STRAY_MS: Final = (20, 100, *DELAYS_MS, 190_000)
"""The same for a write whose sender does not wait: it has retried, moved on or crashed."""


class Wire:
    """The client of one environment.

    Args:
        db: the tables.
        turns: the run's actors.
        fault_source: draws the faults.
        note: records a call: its operation, its target, its fault.
    """

    def __init__(self, db: MemoryDynamoDB, turns: Turns, fault_source: FaultSource, note: Note) -> None:
        self._db = db
        self._turns = turns
        self._fault_source = fault_source
        self._note = note

    def __getattr__(self, operation: str) -> Callable[..., Response]:
        """Any operation of the client."""
        if operation not in _KINDS:
            raise AttributeError(operation)

        def call(**parameters: Any) -> Response:
            return self._call(operation, parameters)

        self.__dict__[operation] = call
        return call

    def _call(self, operation: str, parameters: dict[str, Any]) -> Response:
        self._turns.point()
        actor = self._turns.current
        work = actor.operation if actor else None
        kinds = _INDEX_READS if "IndexName" in parameters else _KINDS[operation]
        fault = self._fault_source.strike(kinds, work, effect=operation in WRITES)
        if self._fault_source.storms(work):
            fault = Fault(Kind.THROTTLED)
        self._note(operation, target_of(parameters), fault.kind.value if fault else "")
        if fault is None:
            return self._serve(operation, parameters)
        self._fault_source.count(fault.kind, work)
        if work is not None and fault.kind is Kind.STALE_READ:
            work.misled = True
        return self._go_wrong(fault, operation, parameters)

    def _serve(self, operation: str, parameters: dict[str, Any]) -> Response:
        answer: Response = getattr(self._db, operation)(**parameters)
        return answer

    def _go_wrong(self, fault: Fault, operation: str, parameters: dict[str, Any]) -> Response:
        match fault.kind:
            case Kind.STALE_READ:
                self._db.read_stale(lag_writes=1 + self._fault_source.draw.randrange(LAG_WRITES_MAX))
                try:
                    return self._serve(operation, parameters)
                finally:
                    self._db.read_stale(lag_writes=0)
            case Kind.LATE:
                self._turns.sleep(self._fault_source.draw.choice(DELAYS_MS))
                return self._serve(operation, parameters)
            case Kind.SENT_TWICE:
                return self._twice(operation, parameters)
            case Kind.STRAY:
                after_ms = fault.lands_ms or self._fault_source.draw.choice(STRAY_MS)
                self._send_on_its_way(operation, parameters, after_ms)
                if fault.lands_ms or self._fault_source.draw.random() < 1 / 3:
                    raise Killed
        if fault.after:
            self._serve(operation, parameters)
        if fault.kind is Kind.KILLED:
            raise Killed
        self._raise(fault.kind, operation, parameters)
        raise AssertionError(fault)

    def _twice(self, operation: str, parameters: dict[str, Any]) -> Response:
        """The first answer is lost and the SDK retries; a transaction applies once, because of its token."""
        if operation == TRANSACTION:
            parameters = {**parameters, "ClientRequestToken": f"token-{self._turns.points}"}
        self._serve(operation, parameters)
        self._turns.point()
        return self._serve(operation, parameters)

    def _send_on_its_way(self, operation: str, parameters: dict[str, Any], after_ms: int) -> None:
        """The write lands later, if its condition still holds; its sender gets no answer."""
        sender = self._turns.current

        def land() -> None:
            with suppress(ClientError, BotoCoreError):
                self._serve(operation, parameters)

        stray = self._turns.spawn(f"stray {operation}", land, after_ms)
        stray.operation = sender.operation if sender else None

    def _raise(self, kind: Kind, operation: str, parameters: dict[str, Any]) -> None:
        actions = len(parameters.get("TransactItems", ()))
        at = self._fault_source.draw.randrange(actions) if actions else 0
        match kind:
            case Kind.THROTTLED:
                throttled_anyhow(self._fault_source.draw)(operation, parameters)
            case Kind.CONFLICT if actions:
                transaction_conflict(actions, at)(operation, parameters)
            case Kind.CONFLICT:
                item_conflict()(operation, parameters)
            case Kind.ERROR_500:
                internal_error()(operation, parameters)
            case Kind.TIMEOUT_BEFORE:
                timeout_before()(operation, parameters)
            case Kind.TIMEOUT_AFTER | Kind.STRAY:
                timeout_after()(operation, parameters)
            case Kind.RESET:
                connection_reset()(operation, parameters)
            case _:
                pass


def target_of(parameters: dict[str, Any]) -> str:
    """What a call is about, in a few words."""
    if "TransactItems" in parameters:
        return "+".join(
            next(iter(entry.values())).get("Key", next(iter(entry.values())).get("Item"))["sk"]["S"]
            for entry in parameters["TransactItems"]
        )
    for name in ("Key", "Item"):
        if name in parameters:
            text: str = parameters[name]["sk"]["S"]
            return text
    if "ExpressionAttributeValues" in parameters:
        return str(next(iter(parameters["ExpressionAttributeValues"].values())).get("S", ""))
    return ""
