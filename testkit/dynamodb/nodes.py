"""Immutable syntax trees that the expression parsers produce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testkit.dynamodb.values import Value


@dataclass(frozen=True)
class Path:
    """A document path: names and list positions, `a.b[0]` being `("a", "b", 0)`."""

    parts: tuple[str | int, ...]

    @property
    def name(self) -> str:
        """The top-level attribute."""
        return str(self.parts[0])

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{p}]" if isinstance(p, int) else p for p in self.parts) + "]"


@dataclass(frozen=True, eq=False)
class Literal:
    """A value given under a placeholder such as `:holder`."""

    placeholder: str
    value: Value


@dataclass(frozen=True)
class Size:
    """`size(path)`."""

    path: Path


Operand = Path | Literal | Size


@dataclass(frozen=True)
class Compare:
    """`left = right` and the like; `operator` is one of =, <>, <, <=, >, >=."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Between:
    """`low <= operand <= high`."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True)
class In:
    """`operand IN (options)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True)
class Call:
    """A function with a boolean answer; `function` is its name in lower case."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    condition: Condition


@dataclass(frozen=True)
class Both:
    """`left AND right`."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Either:
    """`left OR right`."""

    left: Condition
    right: Condition


Condition = Compare | Between | In | Call | Not | Both | Either


@dataclass(frozen=True)
class IfNotExists:
    """`if_not_exists(path, operand)`."""

    path: Path
    fallback: Term


@dataclass(frozen=True)
class ListAppend:
    """`list_append(left, right)`."""

    left: Term
    right: Term


@dataclass(frozen=True)
class Sum:
    """`left + right`, or `left - right` with sign -1."""

    left: Term
    right: Term
    sign: int


Term = Path | Literal | IfNotExists | ListAppend | Sum


@dataclass(frozen=True)
class SetTo:
    """SET: the path becomes the value of the term."""

    path: Path
    term: Term


@dataclass(frozen=True)
class Remove:
    """REMOVE: the path is removed."""

    path: Path


@dataclass(frozen=True)
class Add:
    """ADD: a number is added, or members are added to a set."""

    path: Path
    literal: Literal


@dataclass(frozen=True)
class Delete:
    """DELETE: members are removed from a set."""

    path: Path
    literal: Literal


Action = SetTo | Remove | Add | Delete
