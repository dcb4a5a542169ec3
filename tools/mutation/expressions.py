"""Wrong forms of DynamoDB's expressions.

A text in which something merely looks odd is refused by every database at once and proves little. So these
changes keep an expression valid: a condition that demands less, or the opposite, an update that does less.
A text may hold marks (see ``MARK``) where a value is put in at run time; they stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = re.compile("\0[0-9]+\0")
"""Stands for the value of a replacement field, by number."""

_OPERAND: Final = "[\\w#:.\0]+"
_IS_CONDITION: Final = re.compile(
    rf"attribute_(not_)?exists ?\(|begins_with ?\(|^{_OPERAND} ?(=|<>|<=|>=|<|>) ?{_OPERAND}"
)
_IS_UPDATE: Final = re.compile(r"^ ?(SET|REMOVE|ADD|DELETE) ")
_CLAUSE: Final = re.compile(r"(?:^|(?<= ))(?=(?:SET|REMOVE|ADD|DELETE) )")
_ANYTHING: Final = "attribute_exists(pk) OR attribute_not_exists(pk)"
_OPPOSITES: Final = (
    ("attribute_not_exists(", "attribute_exists("),
    ("attribute_exists(", "attribute_not_exists("),
    (" = ", " <> "),
    (" <> ", " = "),
    (" <= ", " < "),
    (" >= ", " > "),
    (" < ", " <= "),
    (" > ", " >= "),
    (" OR ", " AND "),
)


def variants(text: str) -> Iterator[str]:
    """Wrong forms of an expression; nothing where the text is none."""
    if _IS_UPDATE.match(text):
        yield from _updates(text)
    elif _IS_CONDITION.search(text):
        yield from _conditions(text)


def _conditions(text: str) -> Iterator[str]:
    demands = text.split(" AND ")
    for place, demand in enumerate(demands):
        # Always true, and still uses its names and values: unused ones would be refused for themselves.
        yield " AND ".join([*demands[:place], f"({demand} OR {_ANYTHING})", *demands[place + 1 :]])
    yield from _replaced(text, _OPPOSITES)


def _updates(text: str) -> Iterator[str]:
    clauses = [clause.strip() for clause in _CLAUSE.split(text) if clause]
    for place, clause in enumerate(clauses):
        word, _, rest = clause.partition(" ")
        parts = re.split(r", (?![^(]*\))", rest)
        if len(parts) > 1:
            for dropped in range(len(parts)):
                shorter = f"{word} " + ", ".join(parts[:dropped] + parts[dropped + 1 :])
                yield " ".join([*clauses[:place], shorter, *clauses[place + 1 :]])
        elif len(clauses) > 1:
            yield " ".join(clauses[:place] + clauses[place + 1 :])
    yield from _replaced(text, ((" + ", " - "), (" - ", " + ")))


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for old, new in pairs:
        for found in re.finditer(re.escape(old), text):
            yield text[: found.start()] + new + text[found.end() :]
