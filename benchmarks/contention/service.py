"""DynamoDB in virtual time: the tests' in-memory tables behind published latencies and limits.

- A single write takes a lognormal time with median 7.6 ms and 99th percentile 16 ms, a transaction one with
  25 and 93 ms (published for five items; it is used for two as well). Reads take what a single write takes.
- A single write is decided halfway. A transaction is prepared after a quarter of its time, and its items
  stay locked for half of it; other writes of these items get a conflict meanwhile.
- One item takes 1,000 write units a second, refused ones included: further writes wait.
- A write whose condition fails is billed like any other.

Reads see a transaction's writes from its prepare on, about 12 ms too early.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chance import lognormal_of_quantiles, stream
from testkit.dynamodb.errors import RefusedError, cancelled, to_client_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contention.simulation import Simulation
    from testkit.dynamodb import MemoryDynamoDB

SINGLE_SECONDS: Final = (0.0076, 0.016)
TRANSACTION_SECONDS: Final = (0.025, 0.093)
"""Median and 99th percentile, as published."""

ITEM_UNITS_PER_SECOND: Final = 1000.0

Place = tuple[str, str, str]
"""Table, partition key, sort key."""


@dataclass
class SimulatedService:
    """The DynamoDB client of the stores.

    ``conflicts`` counts writes that met a transaction in flight, ``claim_units`` the write units of all
    claims with their records by table, refused ones and conflicts included, ``releases`` and
    ``release_units`` those of releases. ``single`` and ``transaction`` are median and 99th percentile of the
    latency in seconds.
    """

    simulation: Simulation
    tables: MemoryDynamoDB
    seed: int = 0
    single: tuple[float, float] = SINGLE_SECONDS
    transaction: tuple[float, float] = TRANSACTION_SECONDS
    conflicts: int = 0
    claim_units: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    releases: int = 0
    release_units: float = 0.0
    _locked_until: dict[Place, float] = field(default_factory=dict)
    _busy_until: dict[Place, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = stream("service", self.seed)
        self._single = lognormal_of_quantiles(*self.single)
        self._transaction = lognormal_of_quantiles(*self.transaction)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """A read."""
        return self._read(self.tables.get_item, request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """A read."""
        return self._read(self.tables.batch_get_item, request)

    def query(self, **request: Any) -> dict[str, Any]:
        """A read."""
        return self._read(self.tables.query, request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        """A single write."""
        return self._write("put_item", _place("Put", request), request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """A single write."""
        return self._write("update_item", _place("Update", request), request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """A single write."""
        return self._write("delete_item", _place("Delete", request), request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Prepare, hold the locks, commit."""
        seconds = self._chance.lognormvariate(*self._transaction)
        places = [_place(*next(iter(entry.items()))) for entry in request["TransactItems"]]
        self.simulation.sleep(seconds / 4)
        self._take_turn(places)
        locked = [self._is_locked(place) for place in places]
        try:
            if any(locked):
                self.conflicts += 1
                # Billed like a refusal: two units per item, because all items here are below 1 KB.
                self._count(places, request, 2.0 * len(places))
                codes = ["TransactionConflict" if is_locked else "None" for is_locked in locked]
                raise to_client_error("transact_write_items", cancelled([{"Code": code} for code in codes]))
            answer = self._metered(places, self.tables.transact_write_items, request)
            for place in places:
                self._locked_until[place] = self.simulation.now + seconds / 2
            return answer
        finally:
            self.simulation.sleep(seconds * 3 / 4)

    def _read(self, call: Callable[..., dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
        seconds = self._chance.lognormvariate(*self._single)
        self.simulation.sleep(seconds / 2)
        answer = call(**request)
        self.simulation.sleep(seconds / 2)
        return answer

    def _write(self, operation: str, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        seconds = self._chance.lognormvariate(*self._single)
        self.simulation.sleep(seconds / 2)
        self._take_turn([place])
        try:
            if self._is_locked(place):
                self.conflicts += 1
                self._count([place], request, 1.0)
                raise to_client_error(operation, RefusedError("TransactionConflictException", "in flight"))
            return self._metered([place], getattr(self.tables, operation), request)
        finally:
            self.simulation.sleep(seconds / 2)

    def _take_turn(self, places: list[Place]) -> None:
        """Wait until every item has capacity again; the longest wait goes first, and others check again."""
        while (due := max(self._busy_until.get(place, 0.0) for place in places)) > self.simulation.now:
            self.simulation.sleep(due - self.simulation.now)

    def _metered(
        self, places: list[Place], call: Callable[..., dict[str, Any]], request: dict[str, Any]
    ) -> dict[str, Any]:
        """Call, and distribute the units equally over the items."""
        before = self.tables.write_units
        try:
            return call(**request)
        finally:
            units = self.tables.write_units - before
            self._count(places, request, units)
            for place in places:
                free_at = max(self._busy_until.get(place, 0.0), self.simulation.now)
                self._busy_until[place] = free_at + units / len(places) / ITEM_UNITS_PER_SECOND

    def _count(self, places: list[Place], request: dict[str, Any], units: float) -> None:
        """Whether a write is a release, which removes bookings; every other write belongs to a claim."""
        if request.get("UpdateExpression", "").startswith("REMOVE"):
            self.releases += 1
            self.release_units += units
            return
        for table, _, _ in places:
            self.claim_units[table] += units / len(places)

    def _is_locked(self, place: Place) -> bool:
        return self._locked_until.get(place, 0.0) > self.simulation.now


def _place(kind: str, request: dict[str, Any]) -> Place:
    key = request["Item"] if kind == "Put" else request["Key"]
    return request["TableName"], key["pk"]["S"], key["sk"]["S"]
