"""Item sizes and capacity units by DynamoDB's published rules. Sizes are bytes, units are capacity units."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from testkit.dynamodb.values import Item, Value, set_members, type_of

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
ITEM_BYTES_MAX = 400 * 1024

# Every list or map costs 3 bytes, and 1 byte for each element or name-value pair in it.
DOCUMENT_BYTES = 3
ELEMENT_BYTES = 1

# Sizes by identity, because items are never changed and are measured with every read. Each size is stored
# with its item, so that no other item can get the same identity.
KNOWN_MAX = 4096
_known: dict[int, tuple[Item, int]] = {}


def value_bytes(value: Value) -> int:  # noqa: PLR0911 - one return a type
    """The size of one value, without its name."""
    tag = type_of(value)
    raw = value[tag]
    if tag == "S":
        return len(raw.encode())
    if tag == "B":
        return len(raw)
    if tag == "N":
        return _number_bytes(raw)
    if tag == "L":
        return DOCUMENT_BYTES + sum(ELEMENT_BYTES + value_bytes(element) for element in raw)
    if tag == "M":
        pairs = raw.items()
        return DOCUMENT_BYTES + sum(ELEMENT_BYTES + len(n.encode()) + value_bytes(v) for n, v in pairs)
    if tag in {"SS", "NS", "BS"}:
        return sum(value_bytes(member) for member in set_members(value))
    return 1


def item_bytes(item: Item | None) -> int:
    """The size of an item, names included; 0 for one that is not there."""
    if item is None:
        return 0
    known = _known.get(id(item))
    if known is not None and known[0] is item:
        return known[1]
    size = sum(len(name.encode()) + value_bytes(value) for name, value in item.items())
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[id(item)] = (item, size)
    return size


def write_units(before: Item | None, after: Item | None) -> int:
    """Units of a write that turns `before` into `after`: the larger of both, in whole KB, at least 1."""
    return max(1, _whole(max(item_bytes(before), item_bytes(after)), WRITE_UNIT_BYTES))


def read_units(size_bytes: int, *, consistent: bool) -> float:
    """Units of a read of this many bytes: whole 4 KB, at least 1, half of it when eventually consistent."""
    return max(1, _whole(size_bytes, READ_UNIT_BYTES)) * (1.0 if consistent else 0.5)


def index_write_units(before: Item | None, after: Item | None, *, same_key: bool) -> int:
    """Return the units of one index for a write; items as projected, None if the index does not have them.

    0 if the projection does not change; one write if the item enters, leaves or changes in place; two (a
    delete and a put) if its key in the index changes.
    """
    if before == after:
        return 0
    if before is not None and after is not None and not same_key:
        return write_units(before, None) + write_units(None, after)
    return write_units(before, after)


@lru_cache(maxsize=4096)
def _number_bytes(text: str) -> int:
    digits = "".join(map(str, Decimal(text).as_tuple().digits)).strip("0")
    return (len(digits) + 1) // 2 + 1 + (1 if text.startswith("-") else 0)


def _whole(size_bytes: int, unit_bytes: int) -> int:
    return -(-size_bytes // unit_bytes)
