"""Counts the capacity units of one call, and formats them as ConsumedCapacity."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

READ = "ReadCapacityUnits"
WRITE = "WriteCapacityUnits"


class Meter:
    """Units by table and by index. An index of None is the table itself."""

    def __init__(self) -> None:
        self._units: dict[str, dict[str | None, dict[str, float]]] = {}
        self._totals = {READ: 0.0, WRITE: 0.0}

    def add(self, kind: str, units: float, table: str, index: str | None = None) -> None:
        """Count units of kind READ or WRITE."""
        by_place = self._units.get(table)
        if by_place is None:
            # The answer to a query of an index has the table as well, with 0 units.
            by_place = self._units[table] = {None: {}}
        counted = by_place.setdefault(index, {})
        counted[kind] = counted.get(kind, 0.0) + units
        self._totals[kind] += units

    def include(self, other: Meter) -> None:
        """Count what another one counted."""
        for table, by_place in other._units.items():
            for index, counted in by_place.items():
                for kind, units in counted.items():
                    self.add(kind, units, table, index)

    def total(self, kind: str) -> float:
        """All units of one kind."""
        return self._totals[kind]

    def listed(self, mode: str, *, split: bool) -> list[dict[str, Any]]:
        """One ConsumedCapacity for each table; `split` names read and write units too, as transactions do."""
        return [self._shaped(table, mode, split=split) for table in sorted(self._units)]

    def _shaped(self, table: str, mode: str, *, split: bool) -> dict[str, Any]:
        by_place = self._units[table]
        total: dict[str, float] = defaultdict(float)
        for counted in by_place.values():
            for kind, units in counted.items():
                total[kind] += units
        shaped = {"TableName": table, **_capacity(total, split=split)}
        if mode == "INDEXES":
            shaped["Table"] = _capacity(by_place[None], split=split)
            indexes = {
                name: _capacity(counted, split=split)
                for name, counted in by_place.items()
                if name is not None
            }
            if indexes:
                shaped["GlobalSecondaryIndexes"] = indexes
        return shaped


def _capacity(counted: dict[str, float], *, split: bool) -> dict[str, Any]:
    capacity: dict[str, Any] = {"CapacityUnits": float(sum(counted.values()))}
    if split:
        capacity.update({kind: float(units) for kind, units in counted.items()})
    return capacity
