"""Parses update expressions and applies them to items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.dynamodb.conditions import check_no_overlap
from testkit.dynamodb.errors import RefusedError, invalid_for_item
from testkit.dynamodb.evaluate import lookup
from testkit.dynamodb.nodes import (
    Action,
    Add,
    Delete,
    IfNotExists,
    ListAppend,
    Literal,
    Path,
    Remove,
    SetTo,
    Sum,
    Term,
)
from testkit.dynamodb.remembered import parsed
from testkit.dynamodb.tokens import Placeholders, Reader
from testkit.dynamodb.values import (
    SET_TYPES,
    Item,
    Value,
    canonical,
    copied,
    same,
    set_members,
    sum_of,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
WRONG_PATH = "The document path provided in the update expression is invalid for update"


def parse_update(text: str, placeholders: Placeholders) -> tuple[Action, ...]:
    """Parse an UpdateExpression. Raises RefusedError for errors that do not depend on stored items."""
    return parsed(text, "UpdateExpression", placeholders, lambda: _parse(text, placeholders))


def _parse(text: str, placeholders: Placeholders) -> tuple[Action, ...]:
    reader = Reader(text, "UpdateExpression", placeholders)
    parser = _Updates(reader)
    actions: list[Action] = []
    seen: set[str] = set()
    while reader.peek().kind != "end":
        section = reader.accept(*SECTIONS)
        if section is None:
            raise reader.syntax_error()
        if section in seen:
            raise reader.refused(f'The "{section}" section can only be used once in an update expression;')
        seen.add(section)
        actions.append(parser.action(section))
        while reader.accept(","):
            actions.append(parser.action(section))
    check_no_overlap(reader, [action.path for action in actions])
    return tuple(actions)


def updated(actions: Sequence[Action], item: Item) -> Item:
    """Return a new item with the actions applied. All operands are read from the item before the update.

    Raises:
        ItemRefusedError: an operand is missing or of the wrong type, or a path leads nowhere.
    """
    # Only attributes that are changed inside are copied: stored values are never changed in place.
    changed_within = {action.path.name for action in actions if len(action.path.parts) > 1}
    after = {name: copied(value) if name in changed_within else value for name, value in item.items()}
    removals: list[Path] = []
    for action in actions:
        match action:
            case SetTo(path, term):
                _put(path, copied(_evaluate(term, item)), after)
            case Remove(path):
                removals.append(path)
            case Add(path, literal):
                _put(path, _added(lookup(path, item), literal.value), after)
            case Delete(path, literal):
                _take_out(path, literal.value, item, after)
    # Positions are those of the list before the update, so the last element is removed first.
    for path in sorted(
        removals, key=lambda p: [part if isinstance(part, int) else 0 for part in p.parts], reverse=True
    ):
        _remove(path, after)
    return after


class _Updates:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def action(self, section: str) -> Action:
        path = self._reader.path()
        if section == "REMOVE":
            return Remove(path)
        if section == "SET":
            self._reader.expect("=")
            return SetTo(path, self._sum())
        literal = self._reader.literal()
        tag = type_of(literal.value)
        if tag not in SET_TYPES and not (section == "ADD" and tag == "N"):
            raise self._wrong_type(section, tag)
        return Add(path, literal) if section == "ADD" else Delete(path, literal)

    def _sum(self) -> Term:
        left = self._term()
        operator = self._reader.accept("+", "-")
        if operator is None:
            return left
        self._reader.count_operator()
        right = self._term()
        for operand in (left, right):
            if isinstance(operand, Literal) and "N" not in operand.value:
                raise self._wrong_type(operator, type_of(operand.value))
        return Sum(left, right, 1 if operator == "+" else -1)

    def _term(self) -> Term:
        reader = self._reader
        if reader.accept("("):
            inner = self._sum()
            reader.expect(")")
            return inner
        if reader.peek().kind == "value":
            return reader.literal()
        if reader.peek().kind != "word" or reader.peek(1).text != "(":
            return reader.path()
        function = reader.take().text
        if function not in {"if_not_exists", "list_append"}:
            raise reader.refused(f"Invalid function name; function: {function}")
        reader.count_operator()
        reader.expect("(")
        left = self._term()
        reader.expect(",")
        right = self._term()
        reader.expect(")")
        return self._call(function, left, right)

    def _call(self, function: str, left: Term, right: Term) -> Term:
        if function == "if_not_exists":
            if not isinstance(left, Path):
                raise self._reader.refused(
                    "Operator or function requires a document path; operator or function: if_not_exists"
                )
            return IfNotExists(left, right)
        for operand in (left, right):
            if isinstance(operand, Literal) and "L" not in operand.value:
                raise self._wrong_type(function, type_of(operand.value))
        return ListAppend(left, right)

    def _wrong_type(self, name: str, tag: str) -> RefusedError:
        return self._reader.refused(
            f"Incorrect operand type for operator or function; "
            f"operator or function: {name}, operand type: {tag}"
        )


def _evaluate(term: Term, item: Item) -> Value:
    match term:
        case Literal():
            return term.value
        case Path():
            found = lookup(term, item)
            if found is None:
                raise invalid_for_item(
                    "The provided expression refers to an attribute that does not exist in the item"
                )
            return found
        case IfNotExists(path, fallback):
            found = lookup(path, item)
            return _evaluate(fallback, item) if found is None else found
        case ListAppend(left, right):
            lists = [_evaluate(left, item), _evaluate(right, item)]
            if any("L" not in value for value in lists):
                raise invalid_for_item(WRONG_TYPE)
            return {"L": [element for value in lists for element in value["L"]]}
        case Sum(left, right, sign):
            numbers = [_evaluate(left, item), _evaluate(right, item)]
            if any("N" not in value for value in numbers):
                raise invalid_for_item(WRONG_TYPE)
            return sum_of(numbers[0], numbers[1], sign)


def _added(current: Value | None, addend: Value) -> Value:
    tag = type_of(addend)
    if current is None:
        return copied(addend)
    if type_of(current) != tag:
        raise invalid_for_item(WRONG_TYPE)
    if tag == "N":
        return sum_of(current, addend)
    known = set_members(current)
    new = [member for member in set_members(addend) if not any(same(member, other) for other in known)]
    return canonical({tag: current[tag] + [member[SET_TYPES[tag]] for member in new]})


def _take_out(path: Path, members: Value, item: Item, after: Item) -> None:
    current = lookup(path, item)
    if current is None:
        return
    tag = type_of(members)
    if type_of(current) != tag:
        raise invalid_for_item(WRONG_TYPE)
    gone = set_members(members)
    left = [m[SET_TYPES[tag]] for m in set_members(current) if not any(same(m, other) for other in gone)]
    if left:
        _put(path, {tag: left}, after)
    else:
        # Sets are never empty: removing the last member removes the attribute.
        _remove(path, after)


def _container(path: Path, item: Item) -> Any:
    """Return the list or map with the last part of the path. Raises ItemRefusedError if there is none."""
    parent: Value | None = {"M": item}
    if len(path.parts) > 1:
        parent = lookup(Path(path.parts[:-1]), item)
    inner = (parent or {}).get("L" if isinstance(path.parts[-1], int) else "M")
    if inner is None:
        raise invalid_for_item(WRONG_PATH)
    return inner


def _put(path: Path, value: Value, item: Item) -> None:
    container = _container(path, item)
    last = path.parts[-1]
    if isinstance(last, int) and last >= len(container):
        container.append(value)
    else:
        container[last] = value


def _remove(path: Path, item: Item) -> None:
    container = _container(path, item)
    last = path.parts[-1]
    if isinstance(last, int):
        if last < len(container):
            del container[last]
    else:
        container.pop(last, None)
