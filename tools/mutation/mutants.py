"""Every mutant of a module: what is changed, where, and how to make it.

Left alone, because no test should have to notice: annotations and type aliases, imports, docstrings,
decorators (``frozen``, ``slots`` and caches decide nothing), and texts of exceptions, by which nothing may
be decided.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from tools.mutation import operators
from tools.mutation.settings import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

_LEFT_ALONE: Final = frozenset(
    {"annotation", "returns", "decorator_list", "ctx", "op", "ops", "type_comment"}
)
_SHOWN_MAX: Final = 72
"""A change is shown within the largest expression around it that has so many characters."""

_AROUND: Final = 30
"""Of a long one, so many characters before and after what is changed."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node hangs in its tree: in a field of its parent, at ``index`` where that is a list."""

    parent: ast.AST
    name: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        """Hang another node there."""
        if self.index is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.index] = node


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant is known by, in the code as it stands.

    Attributes:
        module: short name, such as ``placement/choose.py``.
        scope: function or class it is in, with dots; empty at the top of the module.
        line: text of its first line, without indentation.
        before: the changed part.
        after: what it becomes.
        number: counts those that are alike in all else, from 1.
    """

    module: str
    scope: str
    line: str
    before: str
    after: str
    number: int = 1

    def __str__(self) -> str:
        which = f" ({self.number})" if self.number > 1 else ""
        return f"{self.module} {self.scope}: {self.line} | {self.before} → {self.after}{which}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change, and the means to make it.

    ``lineno`` is where it stands, ``lines`` are the lines that a test has to run to meet it, empty for code
    that runs when the module is imported.
    """

    path: Path
    change: Change
    lineno: int
    lines: range
    tree: ast.Module = field(repr=False)
    spot: Spot = field(repr=False)
    replacement: ast.AST = field(repr=False)

    def compile(self) -> CodeType:
        """The module with the change made. It stays in the tree: for a process that tries this one mutant."""
        self.spot.put(self.replacement)
        ast.fix_missing_locations(self.tree)
        return compile(self.tree, str(self.path), "exec", dont_inherit=True)


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of a node from the nodes above it."""

    scope: str = ""
    lines: range = range(0)
    in_function: bool = False
    in_raise: bool = False
    in_text: bool = False
    shown: Spot | None = None


def find(path: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its text. They share one tree."""
    source = path.read_text()
    tree = ast.parse(source)
    lines = source.splitlines()
    found: list[Mutant] = []
    numbers: Counter[Change] = Counter()
    for spot, node, replacement, place in _changes(tree, _Place()):
        lineno = place.lines.start if place.in_text else node.lineno
        before, after = _show(place.shown or spot, spot, node, replacement)
        alike = Change(short_name(path), place.scope, lines[lineno - 1].strip(), before, after)
        numbers[alike] += 1
        change = Change(alike.module, alike.scope, alike.line, before, after, numbers[alike])
        reached = place.lines if place.in_function else range(0)
        found.append(Mutant(path, change, lineno, reached, tree, spot, replacement))
    return found


def _changes(parent: ast.AST, place: _Place) -> Iterator[tuple[Spot, ast.stmt | ast.expr, ast.AST, _Place]]:
    for name, value in ast.iter_fields(parent):
        if name in _LEFT_ALONE:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(node, ast.AST) or _is_left_alone(node):
                continue
            spot = Spot(parent, name, index)
            below = _below(spot, node, place)
            if isinstance(node, ast.stmt | ast.expr):
                for replacement in _replacements(spot, node, below):
                    yield spot, node, replacement, below
            yield from _changes(node, below)


def _replacements(spot: Spot, node: ast.stmt | ast.expr, place: _Place) -> Iterator[ast.AST]:
    if isinstance(node, ast.stmt):
        yield from operators.statements(node)
        return
    if spot.name == "test" or (spot.name == "ifs" and isinstance(spot.parent, ast.comprehension)):
        yield from operators.negated(node)
    yield from operators.expressions(node)
    if not (place.in_raise or isinstance(spot.parent, ast.JoinedStr)):
        yield from operators.texts(node)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        # A docstring, of a module, class, function or name, or the dots of a body that there is none of.
        case ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


def _below(spot: Spot, node: ast.AST, place: _Place) -> _Place:
    """The same for what hangs below a node, itself included."""
    scope, in_function, lines, shown = place.scope, place.in_function, place.lines, place.shown
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        scope = f"{scope}.{node.name}".lstrip(".")
        in_function = in_function or isinstance(node, ast.FunctionDef)
    if isinstance(node, ast.stmt):
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        shown = None
    elif isinstance(node, ast.expr):
        if isinstance(spot.parent, ast.If | ast.While | ast.For | ast.With):
            # Of a statement with a body only the header.
            lines = range(spot.parent.lineno, (node.end_lineno or node.lineno) + 1)
        if shown is None and len(ast.unparse(node)) <= _SHOWN_MAX:
            shown = spot
    return _Place(
        scope=scope,
        lines=lines,
        in_function=in_function,
        in_raise=place.in_raise or isinstance(node, ast.Raise),
        # Python 3.11 does not know where in the text a replacement field stands.
        in_text=place.in_text or isinstance(spot.parent, ast.JoinedStr),
        shown=shown,
    )


def _show(shown: Spot, spot: Spot, node: ast.stmt | ast.expr, replacement: ast.AST) -> tuple[str, str]:
    """The part of the code that is shown, before and after the change."""
    if isinstance(node, ast.stmt):
        after = "nothing" if isinstance(replacement, ast.Pass) else ast.unparse(replacement)
        return _short(ast.unparse(node), after)
    before = _unparse(shown)
    spot.put(replacement)
    after = _unparse(shown)
    spot.put(node)
    return _short(before, after)


def _unparse(spot: Spot) -> str:
    value = getattr(spot.parent, spot.name)
    return ast.unparse(value if spot.index is None else value[spot.index])


def _short(before: str, after: str) -> tuple[str, str]:
    """Both on one line; of long ones the part in which they differ."""
    before, after = " ".join(before.split()), " ".join(after.split())
    if max(len(before), len(after)) <= 2 * _SHOWN_MAX:
        return before, after
    start = max(_alike(before, after) - _AROUND, 0)
    tail = max(_alike(before[start:][::-1], after[start:][::-1]) - _AROUND, 0)
    return _cut(before, start, tail), _cut(after, start, tail)


def _cut(text: str, start: int, tail: int) -> str:
    kept = text[start : len(text) - tail]
    if len(kept) > 2 * _SHOWN_MAX:
        kept, tail = kept[: 2 * _SHOWN_MAX], 1
    return f"{'… ' if start else ''}{kept}{' …' if tail else ''}"


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
