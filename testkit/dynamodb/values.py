"""Typed attribute values: checks, canonical copies, comparison.

A value is what the low-level client takes and returns, a dict of one type tag: `{"S": "x"}`, `{"N": "1"}`,
`{"B": b".."}`, `{"BOOL": True}`, `{"NULL": True}`, `{"L": [..]}`, `{"M": {..}}`, `{"SS"|"NS"|"BS": [..]}`.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from testkit.dynamodb.errors import invalid

Value = dict[str, Any]
Item = dict[str, Value]

NUMBER_DIGITS_MAX = 38
NUMBER_MAGNITUDE_MAX = 126
NUMBER_MAGNITUDE_MIN = -130
NESTING_LEVELS_MAX = 32

SET_TYPES = {"SS": "S", "NS": "N", "BS": "B"}
SET_NAMES = {"SS": "string", "NS": "number", "BS": "binary"}
SCALARS = frozenset({"S", "N", "B", "BOOL", "NULL"})
ORDERED_TYPES = frozenset({"S", "N", "B"})
TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})

# Sums of two 38-digit numbers are rounded as the service stores them: 38 significant digits.
ARITHMETIC = Context(prec=NUMBER_DIGITS_MAX)


def type_of(value: Value) -> str:
    """The type tag of a value."""
    (tag,) = value
    return tag


def number(text: str) -> Decimal:
    """Normalize a number as DynamoDB does. Raises RefusedError if it is invalid, too long or out of range."""
    try:
        parsed = Decimal(text)
    except InvalidOperation:
        parsed = Decimal("NaN")
    if not parsed.is_finite() or "_" in text:
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    digits = "".join(map(str, parsed.as_tuple().digits)).strip("0")
    if len(digits) > NUMBER_DIGITS_MAX:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if digits and parsed.adjusted() >= NUMBER_MAGNITUDE_MAX:
        raise invalid(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if digits and parsed.adjusted() < NUMBER_MAGNITUDE_MIN:
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    return parsed


def number_text(parsed: Decimal) -> str:
    """Return the canonical text of a number: no exponent, no superfluous zeros, `0` for every zero."""
    text = format(parsed, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@lru_cache(maxsize=4096)
def _canonical_number(text: str) -> str:
    return number_text(number(text))


def sum_of(left: Value, right: Value, sign: int = 1) -> Value:
    """`left + right` (or `left - right` for sign -1) of two number values."""
    a, b = Decimal(left["N"]), Decimal(right["N"])
    total = ARITHMETIC.add(a, b) if sign > 0 else ARITHMETIC.subtract(a, b)
    return {"N": number_text(number(str(total)))}


def canonical(value: Value, level: int = 0) -> Value:  # noqa: PLR0911 - one return a type
    """Return a checked deep copy. Raises RefusedError for values that the service refuses."""
    if len(value) != 1:
        raise invalid(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
            if not value
            else "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
            "supported datatypes"
        )
    if level > NESTING_LEVELS_MAX:
        raise invalid("Nesting Levels have exceeded supported limits: Attributes nested beyond 32 levels")
    ((tag, raw),) = value.items()
    if tag == "S":
        return {"S": raw}
    if tag == "N":
        return {"N": _canonical_number(raw)}
    if tag == "B":
        return {"B": bytes(raw)}
    if tag == "L":
        return {"L": [canonical(element, level + 1) for element in raw]}
    if tag == "M":
        return {"M": {name: canonical(element, level + 1) for name, element in raw.items()}}
    if tag == "NULL" and raw is not True:
        raise invalid(
            "One or more parameter values were invalid: Null attribute value types must have "
            "the value of true"
        )
    if tag in SET_TYPES:
        return {tag: _canonical_set(tag, raw)}
    return {tag: raw}


def canonical_item(item: Item) -> Item:
    """A checked copy of a whole item."""
    return {name: canonical(value) for name, value in item.items()}


def copied(value: Value) -> Value:
    """Return a copy of a canonical value (cheaper than copy.deepcopy)."""
    ((tag, raw),) = value.items()
    if tag in SCALARS:
        return {tag: raw}
    if tag == "L":
        return {tag: [copied(element) for element in raw]}
    if tag == "M":
        return {tag: {name: copied(element) for name, element in raw.items()}}
    if tag in SET_TYPES:
        return {tag: list(raw)}
    return {tag: raw}


def copied_item(item: Item) -> Item:
    """Return a copy of a canonical item."""
    return {name: copied(value) for name, value in item.items()}


def same(left: Value, right: Value) -> bool:  # noqa: PLR0911 - one return a type
    """Compare as conditions do: same type, numbers by value, sets without order, documents deeply."""
    tag = type_of(left)
    if tag != type_of(right):
        return False
    a, b = left[tag], right[tag]
    if tag == "N":
        return a == b or Decimal(a) == Decimal(b)
    if tag == "NS":
        return {Decimal(x) for x in a} == {Decimal(x) for x in b}
    if tag in SET_TYPES:
        return set(a) == set(b)
    if tag == "L":
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if tag == "M":
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return bool(a == b)


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 for two strings (by UTF-8 bytes), numbers or binaries; None if not comparable."""
    tag = type_of(left)
    if tag != type_of(right) or tag not in ORDERED_TYPES:
        return None
    a, b = sortable(left), sortable(right)
    return int(a > b) - int(a < b)


def sortable(value: Value) -> Any:
    """A plain value that sorts as DynamoDB sorts this scalar (str by code point is str by UTF-8 bytes)."""
    tag = type_of(value)
    return Decimal(value["N"]) if tag == "N" else value[tag]


def set_members(value: Value) -> list[Value]:
    """The members of a set as scalar values."""
    tag = type_of(value)
    return [{SET_TYPES[tag]: member} for member in value[tag]]


def _canonical_set(tag: str, raw: list[Any]) -> list[Any]:
    """Sort the members of a set, so that equality of dumps does not depend on their order."""
    if not raw:
        raise invalid(f"One or more parameter values were invalid: An {SET_NAMES[tag]} set may not be empty")
    members: list[Any]
    if tag == "NS":
        members = [number_text(parsed) for parsed in sorted(number(member) for member in raw)]
    elif tag == "BS":
        members = sorted(bytes(member) for member in raw)
    else:
        members = sorted(raw)
    if len(set(members)) != len(members):
        raise invalid("One or more parameter values were invalid: Input collection contains duplicates")
    return members
