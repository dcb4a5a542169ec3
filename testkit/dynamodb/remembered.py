"""Caches parsed expressions by their text: callers send the same few with different values.

Whether a parser refuses depends on the text, the names and the types of the values; only the bounds of
BETWEEN and attribute_type depend on the values. So attribute_type is parsed every time, and BETWEEN if its
bounds are to be refused.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from testkit.dynamodb.nodes import (
    Add,
    Between,
    Both,
    Call,
    Compare,
    Delete,
    Either,
    IfNotExists,
    In,
    ListAppend,
    Literal,
    Not,
    SetTo,
    Sum,
)
from testkit.dynamodb.values import order

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from testkit.dynamodb.nodes import Operand
    from testkit.dynamodb.tokens import Placeholders
    from testkit.dynamodb.values import Value

    Bind = Callable[[dict[str, Value]], Any]

Tree = TypeVar("Tree")
REMEMBERED_MAX = 2048
VALUES_MATTER = "attribute_type"


class RefusedBoundsError(Exception):
    """The upper bound is not greater than the lower one: the parser has to say so."""


def parsed(text: str, purpose: str, placeholders: Placeholders, parse: Callable[[], Tree]) -> Tree:
    """Return the parsed text, from the cache if possible, with the values of this request."""
    if VALUES_MATTER in text:
        return parse()
    entries = _entries(text, purpose, placeholders.signature)
    if not entries:
        tree = parse()
        # Only after success: refusals are not cached.
        entries.append((tree, _binder(tree), placeholders.used))
        return tree
    tree, bind, used = entries[0]
    try:
        bound = tree if bind is None else bind(placeholders.values)
    except RefusedBoundsError:
        return parse()
    placeholders.use(used)
    return cast("Tree", bound)


@lru_cache(maxsize=REMEMBERED_MAX)
def _entries(_text: str, _purpose: str, _signature: Hashable) -> list[Any]:
    """Return the cache entry, empty the first time."""
    return []


def _binder(node: Any) -> Bind | None:
    """Return a function that rebuilds the tree with other values; ``None`` if it has no values."""
    if isinstance(node, Literal):
        placeholder = node.placeholder
        return lambda values: Literal(placeholder, values[placeholder])
    if isinstance(node, tuple):
        return _binder_of_parts(lambda *parts: parts, node)
    kind = type(node)
    if isinstance(node, Between):
        return _binder_of_parts(_between, (node.operand, node.low, node.high))
    return _binder_of_parts(kind, [getattr(node, part) for part in _PARTS.get(kind, ())])


def _between(operand: Operand, low: Operand, high: Operand) -> Between:
    if isinstance(low, Literal) and isinstance(high, Literal) and order(low.value, high.value) not in {-1, 0}:
        raise RefusedBoundsError
    return Between(operand, low, high)


def _binder_of_parts(kind: Callable[..., Any], parts: Sequence[Any]) -> Bind | None:
    binders = [(part, _binder(part)) for part in parts]
    if all(bind is None for _, bind in binders):
        return None
    return lambda values: kind(*[part if bind is None else bind(values) for part, bind in binders])


_PARTS: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (Add, Both, Call, Compare, Delete, Either, IfNotExists, In, ListAppend, Not, SetTo, Sum)
}
"""The fields of nodes that may have values."""
