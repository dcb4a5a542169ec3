"""query and scan: ranges, filters, pages."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from testkit.dynamodb.conditions import parse_condition, parse_projection
from testkit.dynamodb.errors import invalid
from testkit.dynamodb.evaluate import holds, projected
from testkit.dynamodb.meter import READ, Meter
from testkit.dynamodb.nodes import Between, Both, Call, Compare, Condition, Either, In, Literal, Not, Path
from testkit.dynamodb.sizes import item_bytes, read_units
from testkit.dynamodb.tokens import Placeholders
from testkit.dynamodb.values import Item, canonical_item, copied, copied_item, sortable, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.dynamodb.schema import Index, KeyPair
    from testkit.dynamodb.storage import Storage, Table

PAGE_BYTES_MAX = 1024 * 1024
UNSUPPORTED = "Query key condition not supported"


ANSWERS_MAX = 4096

Answer = tuple[dict[str, Any], Meter]


def query(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return items of one partition in order of the sort key.

    A trusting fake answers a repeated query of an unchanged partition from a cache.
    """
    if not storage.lends or storage.stale_reads:
        return _query(storage, meter, parameters)[0]
    table, text = storage.table(parameters["TableName"]), repr(parameters)
    answers: dict[Any, Any] = table.answers
    place = answers.get(text)
    remembered: Answer | None = answers.get((text, table.version(*place))) if place else None
    if remembered is None:
        counted = Meter()
        response, place = _query(storage, counted, parameters)
        if len(answers) > ANSWERS_MAX:
            answers.clear()
        remembered = response, counted
        answers[text] = place
        answers[text, table.version(*place)] = remembered
    response, counted = remembered
    meter.include(counted)
    # The caller may change its list.
    return {**response, "Items": list(response["Items"])} if "Items" in response else dict(response)


def _query(
    storage: Storage, meter: Meter, parameters: dict[str, Any]
) -> tuple[dict[str, Any], tuple[Index | None, Any]]:
    """Return the answer, and the partition that it depends on."""
    search = _Search(storage, parameters, filtered_keys=True)
    if "KeyConditionExpression" not in parameters:
        raise invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    text = parameters["KeyConditionExpression"]
    condition = parse_condition(text, "KeyConditionExpression", search.placeholders)
    search.placeholders.check_all_used()
    partition, range_condition = _split(condition, search.keys, search.table.schema.types)
    found = search.group(partition)
    if range_condition is not None:
        found = [item for item in found if holds(range_condition, item)]
    found.sort(key=search.position, reverse=not parameters.get("ScanIndexForward", True))
    return search.page(meter, found, search.position), (search.index, partition)


def scan(storage: Storage, meter: Meter, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return all items, partitions in no meaningful order."""
    search = _Search(storage, parameters, filtered_keys=False)
    search.placeholders.check_all_used()
    found = sorted(search.everything(), key=search.scattered)
    return search.page(meter, found, search.scattered)


class _Search:
    def __init__(self, storage: Storage, parameters: dict[str, Any], *, filtered_keys: bool) -> None:
        self._parameters = parameters
        self.table: Table = storage.table(parameters["TableName"])
        schema = self.table.schema
        self.index: Index | None = None
        if "IndexName" in parameters:
            if parameters["IndexName"] not in schema.indexes:
                raise invalid(f"The table does not have the specified index: {parameters['IndexName']}")
            self.index = schema.indexes[parameters["IndexName"]]
        self.keys: KeyPair = schema.keys if self.index is None else self.index.keys
        self._consistent = parameters.get("ConsistentRead", False)
        if self._consistent and self.index is not None:
            raise invalid("Consistent reads are not supported on global secondary indexes")
        self._lends = storage.lends
        self._past = storage.past(self.table, consistent=self._consistent)
        self.placeholders = Placeholders(parameters)
        self._filter = self._parse_filter(filtered_keys=filtered_keys)
        self._paths = self._parse_projection()
        if parameters.get("Limit", 1) < 1:
            raise invalid("Value at 'limit' failed to satisfy constraint: Member must have value at least 1")

    def group(self, partition: Any) -> list[Item]:
        """The items of one partition as the table or index holds them, in no order."""
        return self._held(self.table.group(self.index, partition, self._past))

    def everything(self) -> list[Item]:
        """All items as the table or index holds them, in no order."""
        return self._held(self.table.all(self._past))

    def position(self, item: Item) -> Any:
        """Return the sort position of an item in its partition; items of an index may share a sort key."""
        return self.keys.range_of(item), self.table.schema.keys.of(item)

    def scattered(self, item: Item) -> Any:
        """Return the sort position of an item in a scan: partitions by a hash, in no meaningful order."""
        return _scattered(repr(sortable(item[self.keys.hash_name]))), self.position(item)

    def page(self, meter: Meter, found: list[Item], position: Callable[[Item], Any]) -> dict[str, Any]:
        """One page of the ordered items after ExclusiveStartKey, as the response."""
        rest = self._after_start(found, position)
        limit = self._parameters.get("Limit")
        seen: list[Item] = []
        size_bytes = 0
        last: Item | None = None
        for item in rest:
            seen.append(item)
            size_bytes += item_bytes(item)
            # A page that ends at its limit has a last key even if nothing follows.
            if len(seen) == limit or size_bytes >= PAGE_BYTES_MAX:
                last = item
                break
        index_name = None if self.index is None else self.index.name
        units = read_units(size_bytes, consistent=self._consistent)
        meter.add(READ, units, self.table.schema.table_name, index_name)
        kept = [item for item in seen if self._filter is None or holds(self._filter, item)]
        response: dict[str, Any] = {"Count": len(kept), "ScannedCount": len(seen)}
        if self._parameters.get("Select") != "COUNT":
            response["Items"] = [self._shown(item) for item in kept]
        if last is not None:
            response["LastEvaluatedKey"] = {name: copied(last[name]) for name in self._key_names()}
        return response

    def _shown(self, item: Item) -> Item:
        if self._paths is not None:
            return projected(self._paths, item)
        return item if self._lends else copied_item(item)

    def _held(self, items: list[Item]) -> list[Item]:
        if self.index is None:
            return items
        return [held for item in items if (held := self.index.projected(item)) is not None]

    def _key_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.keys.names, *self.table.schema.keys.names)))

    def _after_start(self, found: list[Item], position: Callable[[Item], Any]) -> list[Item]:
        raw = self._parameters.get("ExclusiveStartKey")
        if raw is None:
            return found
        start = canonical_item(raw)
        if set(start) != set(self._key_names()):
            raise invalid("The provided starting key is invalid")
        # By position, because the item may have been deleted since the last page.
        begun = position(start)
        if self._parameters.get("ScanIndexForward", True):
            return [item for item in found if position(item) > begun]
        return [item for item in found if position(item) < begun]

    def _parse_filter(self, *, filtered_keys: bool) -> Condition | None:
        if "FilterExpression" not in self._parameters:
            return None
        condition = parse_condition(
            self._parameters["FilterExpression"], "FilterExpression", self.placeholders
        )
        for path in _paths_of(condition):
            if filtered_keys and path.name in self.keys.names:
                raise invalid(
                    "Filter Expression can only contain non-primary key attributes: "
                    f"Primary key attribute: {path.name}"
                )
        return condition

    def _parse_projection(self) -> tuple[Path, ...] | None:
        if "ProjectionExpression" not in self._parameters:
            return None
        paths = parse_projection(self._parameters["ProjectionExpression"], self.placeholders)
        missing = [
            path.name for path in paths if self.index is not None and not self.index.projects(path.name)
        ]
        if missing:
            raise invalid(
                "One or more parameter values were invalid: "
                f"Global secondary index {self._parameters['IndexName']} does not project {missing}"
            )
        return paths


@lru_cache(maxsize=4096)
def _scattered(partition: str) -> str:
    return hashlib.sha256(partition.encode()).hexdigest()


def _split(condition: Condition, keys: KeyPair, types: dict[str, str]) -> tuple[Any, Condition | None]:
    """The plain partition key and the condition on the sort key, from `pk = :p [AND <one range>]`."""
    parts = [condition.left, condition.right] if isinstance(condition, Both) else [condition]
    on_hash = [part for part in parts if _attribute(part) == keys.hash_name]
    on_range = [part for part in parts if keys.range_name is not None and _attribute(part) == keys.range_name]
    if len(on_hash) != 1 or len(on_hash) + len(on_range) != len(parts):
        raise invalid(f"Query condition missed key schema element: {keys.hash_name}")
    equality = on_hash[0]
    if not (
        isinstance(equality, Compare) and equality.operator == "=" and isinstance(equality.right, Literal)
    ):
        raise invalid(UNSUPPORTED)
    for part in parts:
        if isinstance(part, Compare) and part.operator == "<>":
            raise invalid(UNSUPPORTED)
        for literal in _literals_of(part):
            if type_of(literal.value) != types[str(_attribute(part))]:
                raise invalid(
                    "One or more parameter values were invalid: Condition parameter type does not "
                    "match schema type"
                )
    return sortable(equality.right.value), on_range[0] if on_range else None


def _attribute(condition: Condition) -> str | None:
    """Return the attribute of a key condition, None if it does not have the form of one."""
    match condition:
        case Compare(_, Path() as path, Literal()) | Between(Path() as path, Literal(), Literal()):
            return path.name if len(path.parts) == 1 else None
        case Call("begins_with", (Path() as path, Literal())):
            return path.name if len(path.parts) == 1 else None
        case _:
            return None


def _operands_of(condition: Condition) -> Iterator[Any]:
    match condition:
        case Both(left, right) | Either(left, right):
            yield from _operands_of(left)
            yield from _operands_of(right)
        case Not(inner):
            yield from _operands_of(inner)
        case Compare(_, left_operand, right_operand):
            yield from (left_operand, right_operand)
        case Between(operand, low, high):
            yield from (operand, low, high)
        case In(operand, options):
            yield from (operand, *options)
        case Call(_, arguments):
            yield from arguments


def _literals_of(condition: Condition) -> list[Literal]:
    return [operand for operand in _operands_of(condition) if isinstance(operand, Literal)]


def _paths_of(condition: Condition) -> list[Path]:
    operands = [getattr(operand, "path", operand) for operand in _operands_of(condition)]
    return [operand for operand in operands if isinstance(operand, Path)]
