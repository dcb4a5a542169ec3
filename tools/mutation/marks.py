"""Marks in the code as it is: how often each statement runs, and so which test reaches what at what cost.

Counting costs a fraction of what tracing does, and the counts are the same each time, which seconds are not.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import TYPE_CHECKING, Any, Final

from tools.mutation.settings import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, ModuleType

_NAME: Final = "__hits__"
_PREFIXES: Final = (f"{PACKAGE.name}.", "testkit.")
"""Where the work is done, as the code imports it."""

_BODIES: Final = ("body", "orelse", "finalbody")


class Marks:
    """Counts by import name and line, of statements within functions."""

    def __init__(self) -> None:
        self.at_import: dict[str, set[int]] = defaultdict(set)
        """What runs when a module is imported, whoever imports it first."""

        self._hits: dict[str, list[int]] = {}

    def hits(self, module: str, lines: int) -> list[int]:
        """Where the module counts, a number for each line."""
        return self._hits.setdefault(module, [0] * (lines + 1))

    def take(self) -> dict[str, dict[int, int]]:
        """What was counted since the last time."""
        taken: dict[str, dict[int, int]] = {}
        for module, hits in self._hits.items():
            found = {line: count for line, count in enumerate(hits) if count}
            if found:
                taken[module] = found
                hits[:] = [0] * len(hits)
        return taken

    def put_back(self, taken: dict[str, dict[int, int]]) -> None:
        """Undo a ``take``."""
        for module, counts in taken.items():
            for line, count in counts.items():
                self._hits[module][line] += count

    def install(self) -> None:
        """Mark what is imported from now on."""
        sys.meta_path.insert(0, _Finder(self))


class _Loader(SourceFileLoader):
    """Loads a module with marks."""

    def __init__(self, name: str, path: str, marks: Marks) -> None:
        super().__init__(name, path)
        self._marks = marks

    def get_code(self, fullname: str) -> CodeType:
        """The marked code, whatever the cache says."""
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path))
        _mark(tree, in_function=False)
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run it, and keep what its import runs apart: only the first of all tests would seem to reach it."""
        before = self._marks.take()
        lines = len(self.get_data(self.path).splitlines())
        vars(module)[_NAME] = self._marks.hits(module.__name__, lines)
        try:
            super().exec_module(module)
        finally:
            for name, counts in self._marks.take().items():
                self._marks.at_import[name].update(counts)
            self._marks.put_back(before)


class _Finder:
    """Finds what is to be marked, and leaves all else to those who come after it."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        """The import system's question."""
        if not fullname.startswith(_PREFIXES):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return spec
        spec.loader = _Loader(fullname, spec.loader.path, self._marks)
        return spec


def _mark(node: ast.AST, *, in_function: bool) -> None:
    """Put a mark before each statement of each function below."""
    for child in ast.iter_child_nodes(node):
        _mark(child, in_function=in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))
    for name in _BODIES:
        body: Any = getattr(node, name, None)
        if in_function and isinstance(body, list):
            setattr(node, name, [*_marked(body)])


def _marked(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    for place, statement in enumerate(body):
        # Before it, a docstring would be none.
        if place or not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            (mark,) = ast.parse(f"{_NAME}[{statement.lineno}] += 1").body
            yield ast.copy_location(mark, statement)
        yield statement
