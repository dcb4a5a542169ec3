"""Parser of condition, filter, key condition and projection expressions.

either    := both ("OR" both)*
both      := opposite ("AND" opposite)*
opposite  := "NOT" opposite | single
single    := "(" either ")" | function | operand comparator operand
           | operand "BETWEEN" operand "AND" operand | operand "IN" "(" operand ("," operand)* ")"
operand   := path | :value | "size" "(" path ")"
"""

from __future__ import annotations

from itertools import pairwise

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
from testkit.dynamodb.remembered import parsed
from testkit.dynamodb.tokens import COMPARATORS, IN_OPERANDS_MAX, Placeholders, Reader
from testkit.dynamodb.values import ORDERED_TYPES, TYPES, order, type_of

FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
PATH_FUNCTIONS = frozenset({"attribute_exists", "attribute_not_exists"})


def parse_condition(text: str, purpose: str, placeholders: Placeholders) -> Condition:
    """Parse a condition. Raises RefusedError for errors that do not depend on stored items."""

    def parse() -> Condition:
        reader = Reader(text, purpose, placeholders)
        condition = _Conditions(reader).either()
        reader.end()
        return condition

    return parsed(text, purpose, placeholders, parse)


def parse_projection(text: str, placeholders: Placeholders) -> tuple[Path, ...]:
    """The paths of a ProjectionExpression, none of which may contain another."""
    reader = Reader(text, "ProjectionExpression", placeholders)
    paths = [reader.path()]
    while reader.accept(","):
        paths.append(reader.path())
    reader.end()
    check_no_overlap(reader, paths)
    return tuple(paths)


def check_no_overlap(reader: Reader, paths: list[Path]) -> None:
    """Refuse two paths that are equal, contain each other, or read the same node as list and as map."""
    ordered = sorted(paths, key=lambda path: [(isinstance(part, int), str(part)) for part in path.parts])
    for one, two in pairwise(ordered):
        shared = min(len(one.parts), len(two.parts))
        if one.parts[:shared] == two.parts[:shared]:
            raise reader.refused(
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                f"path one: {one}, path two: {two}"
            )
    _check_no_conflict(reader, paths)


def _check_no_conflict(reader: Reader, paths: list[Path]) -> None:
    kinds: dict[tuple[str | int, ...], tuple[type, Path]] = {}
    for path in paths:
        for depth in range(1, len(path.parts)):
            kind = type(path.parts[depth])
            known, other = kinds.setdefault(path.parts[:depth], (kind, path))
            if known is not kind:
                raise reader.refused(
                    "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                    f"path one: {other}, path two: {path}"
                )


class _Conditions:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._group: tuple[int, int] | None = None

    def either(self) -> Condition:
        left = self._both()
        while self._reader.accept("OR"):
            self._reader.count_operator()
            left = Either(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._opposite()
        while self._reader.accept("AND"):
            self._reader.count_operator()
            left = Both(left, self._opposite())
        return left

    def _opposite(self) -> Condition:
        if self._reader.accept("NOT"):
            self._reader.count_operator()
            return Not(self._opposite())
        return self._single()

    def _single(self) -> Condition:
        reader = self._reader
        start = reader.position
        if reader.accept("("):
            condition = self.either()
            # The service refuses parentheses around nothing but parentheses.
            if self._group == (start + 1, reader.position):
                raise reader.refused("The expression has redundant parentheses;")
            reader.expect(")")
            self._group = (start, reader.position)
            return condition
        if self._at_function() and reader.peek().text != "size":
            return self._call()
        return self._comparison(self._operand())

    def _comparison(self, left: Operand) -> Condition:
        reader = self._reader
        operator = reader.accept("BETWEEN", "IN", *COMPARATORS)
        if operator is None:
            raise reader.syntax_error()
        reader.count_operator()
        if operator == "BETWEEN":
            low = self._operand()
            reader.expect("AND")
            return self._checked_between(Between(left, low, self._operand()))
        if operator == "IN":
            return In(left, self._options())
        right = self._operand()
        if isinstance(left, Path) and left == right:
            raise reader.refused(
                "The first operand must be distinct from the remaining operands for this operator or "
                f"function; operator: {operator}, first operand: {left}"
            )
        if operator not in {"=", "<>"}:
            self._check_types(operator, (left, right), ORDERED_TYPES)
        return Compare(operator, left, right)

    def _checked_between(self, between: Between) -> Between:
        low, high = between.low, between.high
        self._check_types("BETWEEN", (between.operand, low, high), ORDERED_TYPES)
        if isinstance(low, Literal) and isinstance(high, Literal):
            compared = order(low.value, high.value)
            if compared is None:
                raise self._reader.refused(
                    "The BETWEEN operator requires same data type for lower and upper bounds;"
                )
            if compared > 0:
                raise self._reader.refused(
                    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound;"
                )
        return between

    def _options(self) -> tuple[Operand, ...]:
        self._reader.expect("(")
        options = [self._operand()]
        while self._reader.accept(","):
            options.append(self._operand())
        self._reader.expect(")")
        if len(options) > IN_OPERANDS_MAX:
            raise self._reader.refused(
                f"The IN operator is provided with more than {IN_OPERANDS_MAX} operands"
            )
        return tuple(options)

    def _at_function(self) -> bool:
        return self._reader.peek().kind == "word" and self._reader.peek(1).text == "("

    def _call(self) -> Call:
        reader = self._reader
        name = reader.peek().text
        if name not in FUNCTIONS:
            raise reader.refused(f"Invalid function name; function: {name}")
        reader.take()
        reader.count_operator()
        reader.expect("(")
        arguments = [self._operand()]
        while reader.accept(","):
            arguments.append(self._operand())
        reader.expect(")")
        if len(arguments) != FUNCTIONS[name]:
            raise reader.refused(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {name}, number of operands: {len(arguments)}"
            )
        self._check_arguments(name, arguments)
        return Call(name, tuple(arguments))

    def _check_arguments(self, name: str, arguments: list[Operand]) -> None:
        if name in PATH_FUNCTIONS and not isinstance(arguments[0], Path):
            raise self._reader.refused(
                f"Operator or function requires a document path; operator or function: {name}"
            )
        if name == "begins_with":
            self._check_types(name, tuple(arguments), frozenset({"S", "B"}))
        if name == "attribute_type":
            wanted = arguments[1]
            if not isinstance(wanted, Literal) or wanted.value.get("S") not in TYPES:
                raise self._reader.refused("Invalid attribute type name found; type: {}, valid types: {}")

    def _check_types(self, name: str, operands: tuple[Operand, ...], allowed: frozenset[str]) -> None:
        """Refuse literals of a type that the operator never takes; stored values are checked later."""
        for operand in operands:
            if isinstance(operand, Literal) and type_of(operand.value) not in allowed:
                raise self._reader.refused(
                    "Incorrect operand type for operator or function; "
                    f"operator or function: {name}, operand type: {type_of(operand.value)}"
                )

    def _operand(self) -> Operand:
        reader = self._reader
        if reader.peek().kind == "value":
            return reader.literal()
        if self._at_function():
            if reader.take().text != "size":
                reader.position -= 1
                raise reader.refused(
                    "The function is not allowed to be used this way in an expression; "
                    f"function: {reader.peek().text}"
                )
            reader.count_operator()
            reader.expect("(")
            path = reader.path()
            reader.expect(")")
            return Size(path)
        return reader.path()
