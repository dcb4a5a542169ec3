"""Counts write units by table and index, from the ``ConsumedCapacity`` of every call."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb import MemoryDynamoDB

WRITES: Final = ("put_item", "update_item", "delete_item", "transact_write_items")
REFUSED: Final = "refused"


class WriteMeter:
    """Records the consumed units of every write from now on.

    ``units`` has a key for each table, for each index, and ``REFUSED`` for failed conditions: these are
    billed like successes, but the answer does not have their units, so the fake's own count is used.
    """

    def __init__(self, db: MemoryDynamoDB) -> None:
        self.units: defaultdict[str, float] = defaultdict(float)
        self._db = db
        for operation in WRITES:
            setattr(db, operation, self._metered(getattr(db, operation)))

    def total(self) -> float:
        """Return all write units."""
        return sum(self.units.values())

    def _metered(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def metered(**parameters: Any) -> Any:
            before = self._db.write_units
            accepted = False
            try:
                answer = call(**parameters, ReturnConsumedCapacity="INDEXES")
                accepted = True
            finally:
                if not accepted:
                    self.units[REFUSED] += self._db.write_units - before
            consumed = answer.pop("ConsumedCapacity")
            for entry in consumed if isinstance(consumed, list) else [consumed]:
                self.units[entry["TableName"]] += entry["Table"]["CapacityUnits"]
                for name, index in entry.get("GlobalSecondaryIndexes", {}).items():
                    self.units[name] += index["CapacityUnits"]
            return answer

        return metered
