"""Evaluates conditions and projections on items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.dynamodb.errors import invalid_for_item
from testkit.dynamodb.nodes import (
    Between,
    Both,
    Call,
    Compare,
    Condition,
    Either,
    In,
    Literal,
    Not,
    Operand,
    Path,
    Size,
)
from testkit.dynamodb.values import SET_TYPES, Item, Value, copied, order, same, set_members, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# Which results of `order` satisfy an operator.
ORDERINGS = {"<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}


def holds(condition: Condition, item: Item) -> bool:  # noqa: PLR0911 - one return a kind of node
    """Whether the condition holds; an item that is not there is `{}`.

    A comparison with an attribute that is missing or of another type is false, `<>` is true.
    """
    match condition:
        case Both(left, right):
            return holds(left, item) and holds(right, item)
        case Either(left, right):
            return holds(left, item) or holds(right, item)
        case Not(inner):
            return not holds(inner, item)
        case Compare(operator, left, right):
            return _compares(operator, _value(left, item), _value(right, item))
        case Between(operand, low, high):
            value = _value(operand, item)
            return _compares(">=", value, _value(low, item)) and _compares("<=", value, _value(high, item))
        case In(operand, options):
            value = _value(operand, item)
            return any(_compares("=", value, _value(option, item)) for option in options)
        case Call(function, arguments):
            return _answers(function, [_value(argument, item) for argument in arguments])


def lookup(path: Path, item: Item) -> Value | None:
    """The value at a path, None where there is none."""
    value: Value = {"M": item}
    for part in path.parts:
        inner = value.get("L" if isinstance(part, int) else "M")
        if (
            inner is None
            or (isinstance(part, int) and part >= len(inner))
            or (isinstance(part, str) and part not in inner)
        ):
            return None
        value = inner[part]
    return value


def projected(paths: Iterable[Path], item: Item) -> Item:
    """A copy of the item with nothing but these paths; list elements move up as in the service."""
    tree: dict[str | int, object] = {}
    for path in paths:
        node = tree
        for part in path.parts[:-1]:
            node = node.setdefault(part, {})  # type: ignore[assignment]
        node[path.parts[-1]] = None
    kept = _pruned(tree, {"M": item})
    return {} if kept is None else kept["M"]


def _pruned(tree: object, value: Value) -> Value | None:
    if not isinstance(tree, dict):
        return copied(value)
    by_position = any(isinstance(part, int) for part in tree)
    tag = "L" if by_position else "M"
    inner = value.get(tag)
    if inner is None:
        return None
    if by_position:
        parts = [part for part in sorted(tree) if part < len(inner)]
        kept = [kept for part in parts if (kept := _pruned(tree[part], inner[part])) is not None]
        return {"L": kept} if kept else None
    pairs = {part: _pruned(tree[part], inner[part]) for part in tree if part in inner}
    found = {part: kept for part, kept in pairs.items() if kept is not None}
    return {"M": found} if found else None


def _value(operand: Operand, item: Item) -> Value | None:
    match operand:
        case Literal():
            return operand.value
        case Size(path):
            return _size(lookup(path, item))
        case Path():
            return lookup(operand, item)


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    tag = type_of(value)
    if tag in {"N", "BOOL", "NULL"}:
        raise invalid_for_item(
            f"Invalid ConditionExpression: Incorrect operand type for operator or function; "
            f"operator or function: size, operand type: {tag}"
        )
    return {"N": str(len(value[tag]))}


def _compares(operator: str, left: Value | None, right: Value | None) -> bool:
    if operator in {"=", "<>"}:
        equal = left is not None and right is not None and same(left, right)
        return equal == (operator == "=")
    if left is None or right is None:
        return False
    return order(left, right) in ORDERINGS[operator]


def _answers(function: str, arguments: list[Value | None]) -> bool:
    first = arguments[0]
    if function == "attribute_exists":
        return first is not None
    if function == "attribute_not_exists":
        return first is None
    second = arguments[1]
    if first is None or second is None:
        return False
    if function == "attribute_type":
        return bool(type_of(first) == second["S"])
    if function == "begins_with":
        tag = type_of(first)
        return tag == type_of(second) and tag in {"S", "B"} and bool(first[tag].startswith(second[tag]))
    return _contains(first, second)


def _contains(container: Value, wanted: Value) -> bool:
    tag = type_of(container)
    if tag in {"S", "B"}:
        return tag == type_of(wanted) and wanted[tag] in container[tag]
    if tag == "L":
        return any(same(element, wanted) for element in container["L"])
    return tag in SET_TYPES and any(same(member, wanted) for member in set_members(container))
