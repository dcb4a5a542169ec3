"""The fake's storage: tables of items, recent history for stale reads, request tokens.

Items are never changed in place. A write replaces the whole item, so that older states are cheap to keep.
Nothing here is locked; `MemoryDynamoDB` holds one lock around each call.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

from testkit.dynamodb.errors import no_such_table
from testkit.dynamodb.values import Item, copied_item, sortable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from testkit.dynamodb.schema import Index, Key, Schema

    # What one write changed: (table name, key, item before, item after).
    Change = tuple[str, Key, Item | None, Item | None]
    Watcher = Callable[[list[Change]], None]

# How far behind a stale read can be, in writes.
HISTORY_WRITES_MAX = 1000
REQUEST_TOKEN_SECONDS = 600.0

_WRITES = count(1)

# The index, None for the table itself, and the value of its partition key.
Place = tuple[str | None, Any]

# Items as they were before some write; None where there was none.
Past = dict["Key", "Item | None"]


class Table:
    """One table, its items grouped by partition in the table and in each index."""

    def __init__(self, schema: Schema, description: dict[str, Any]) -> None:
        self.schema = schema
        self.description = description
        self._items: dict[Key, Item] = {}
        self._groups: dict[Place, dict[Key, Item]] = {}
        # For each partition that was ever written, the number of its last write, among all tables.
        self._versions: dict[Place, int] = {}
        self.answers: dict[Any, Any] = {}
        """Cached answers of queries; copies share them."""

    def copy(self) -> Table:
        """Return a table with the same items, which are shared, because items are never changed."""
        twin = Table(self.schema, self.description)
        twin._items = dict(self._items)
        twin._groups = {place: dict(group) for place, group in self._groups.items()}
        twin._versions = dict(self._versions)
        twin.answers = self.answers
        return twin

    def version(self, index: Index | None, value: Any) -> int:
        """Return the version of a partition, unique also among copies; 0 if it was never written."""
        return self._versions.get((None if index is None else index.name, value), 0)

    def get(self, key: Key, past: Mapping[Key, Item | None]) -> Item | None:
        """Return the item under a key; an entry in `past` replaces the current one."""
        return past[key] if key in past else self._items.get(key)

    def group(self, index: Index | None, value: Any, past: Mapping[Key, Item | None]) -> list[Item]:
        """All items of one partition of the table or of an index, in no order, unprojected."""
        name = None if index is None else index.name
        stored = self._groups.get((name, value), {})
        current = [item for key, item in stored.items() if key not in past]
        older = [item for item in past.values() if item is not None and (name, value) in self._places(item)]
        return current + older

    def all(self, past: Mapping[Key, Item | None]) -> list[Item]:
        """All items of the table, in no order."""
        current = [item for key, item in self._items.items() if key not in past]
        return current + [item for item in past.values() if item is not None]

    def in_order(self) -> list[Item]:
        """All items of the table in key order."""
        return [self._items[key] for key in sorted(self._items)]

    def replace(self, key: Key, after: Item | None) -> None:
        """Store an item, or remove it with None."""
        before = self._items.pop(key, None)
        if before is not None:
            for place in self._places(before):
                self._versions[place] = next(_WRITES)
                group = self._groups[place]
                del group[key]
                if not group:
                    del self._groups[place]
        if after is not None:
            self._items[key] = after
            for place in self._places(after):
                self._versions[place] = next(_WRITES)
                self._groups.setdefault(place, {})[key] = after

    def __len__(self) -> int:
        return len(self._items)

    def _places(self, item: Item) -> Iterator[Place]:
        yield None, self.schema.keys.of(item)[0]
        for index in self.schema.indexes.values():
            if index.projected(item) is not None:
                yield index.name, sortable(item[index.keys.hash_name])


class TableView:
    """A table for assertions: `len(view)`, `key in view`, `view.items()`.

    A key is written as plain values, `("ORG#a", "RES#1")`, or `"ORG#a"` in a table without a sort key.
    """

    def __init__(self, table: Table, *, lends: bool = False) -> None:
        self._table = table
        self._lends = lends

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    def get(self, key: object) -> Item | None:
        """Return a copy of the item under a plain key, None if there is none."""
        plain = key if isinstance(key, tuple) else (key, None)
        found = self._table.get((plain[0], plain[1]), {})
        return None if found is None else copied_item(found)

    def items(self) -> list[Item]:
        """Return copies of all items in key order; in a trusting fake the stored ones."""
        items = self._table.in_order()
        return items if self._lends else [copied_item(item) for item in items]


class Storage:
    """All tables, the history of writes, and request tokens.

    `now` returns seconds; only differences of it matter. With `lends` queries return stored items instead of
    copies.
    """

    def __init__(self, now: Callable[[], float], *, lends: bool = False) -> None:
        self._now = now
        self.lends = lends
        self.tables: dict[str, Table] = {}
        self.stale_reads = False
        self.lag_writes = 1
        self.watcher: Watcher = _look_away
        self._history: deque[list[tuple[str, Key, Item | None]]] = deque(maxlen=HISTORY_WRITES_MAX)
        self._tokens: dict[str, tuple[float, Any, dict[str, float]]] = {}

    def table(self, name: str) -> Table:
        """Return the table of this name. Raises RefusedError if there is none."""
        if name not in self.tables:
            raise no_such_table(name)
        return self.tables[name]

    def commit(self, changes: list[tuple[Table, Key, Item | None]]) -> None:
        """Apply all changes as one write."""
        record: list[tuple[str, Key, Item | None]] = []
        for table, key, after in changes:
            record.append((table.schema.table_name, key, table.get(key, {})))
            table.replace(key, after)
        self._history.append(record)
        self.watcher([(name, key, before, self.tables[name].get(key, {})) for name, key, before in record])

    def past(self, table: Table, *, consistent: bool) -> Past:
        """Return the earlier items that a stale read sees; empty unless stale reads are on."""
        past: Past = {}
        if consistent or not self.stale_reads:
            return past
        for record in list(self._history)[max(0, len(self._history) - self.lag_writes) :]:
            for name, key, before in record:
                if name == table.schema.table_name:
                    # Of several changes of one item the oldest counts.
                    past.setdefault(key, before)
        return past

    def recall(self, token: str) -> tuple[Any, dict[str, float]] | None:
        """Return the statements and the bytes by table of a token of the last ten minutes, or None."""
        known = self._tokens.get(token)
        if known is None or self._now() - known[0] >= REQUEST_TOKEN_SECONDS:
            return None
        return known[1], known[2]

    def remember(self, token: str, statements: Any, read_units_by_table: dict[str, float]) -> None:
        """Store a token with its statements and the cost of a replay."""
        self._tokens[token] = (self._now(), statements, read_units_by_table)


def _look_away(_changes: list[Change]) -> None:
    """The default watcher: does nothing."""
