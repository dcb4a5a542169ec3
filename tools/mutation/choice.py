"""Which tests a mutant has to survive, those first that are worth most for their time."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tools.mutation.settings import LAYER, PACKAGE, ROOT, TESTS, import_name, short_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tools.mutation.mutants import Mutant
    from tools.mutation.reach import Reach
    from tools.mutation.settings import Settings

_FIRST_FILES_MAX: Final = 4
"""Importing a file with tests takes as long as running many of them."""

_FILES_MAX: Final = 8
"""So for a mutant that needs everything imported anew."""


_STEPS_PER_TEST: Final = 2000
"""Any test takes as long as so many steps do."""


class Choice:
    """Chooses among the tests that were traced.

    Args:
        settings: the order of folders, and how long a wave may take.
        tests: by node id, what each reaches.
        at_import: by short name, lines of functions that an import runs.
    """

    def __init__(self, settings: Settings, tests: dict[str, Reach], at_import: dict[str, set[int]]) -> None:
        self._settings = settings
        wanted = tuple(f"tests/{folder}/" for folder in settings.tests)
        self._tests = {test: reach for test, reach in tests.items() if test.startswith(wanted)}
        self._at_import = at_import
        self._importers, self._imports = _imports([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")])

    @property
    def files(self) -> list[str]:
        """Those that the tests are in."""
        return sorted({_file(test) for test in self._tests})

    def waves(self, mutant: Mutant) -> list[list[str]]:
        """Node ids for a first, short run and for a second, longer one; no lists when nothing reaches it."""
        known = sorted(
            (t for t in self._tests if self._meets(t, mutant)), key=lambda t: self._rank(t, mutant)
        )
        files = list(dict.fromkeys(map(_file, known)))
        first = self._within(
            [t for t in known if _file(t) in files[:_FIRST_FILES_MAX]], self._settings.first_steps
        )
        if self.is_imported(mutant):
            known = [t for t in known if _file(t) in files[:_FILES_MAX]]
        taken = set(first)
        # The cheapest first: many that differ notice more than a few that are dear.
        rest = sorted((t for t in known if t not in taken), key=lambda t: self._tests[t].steps)
        naming = self._importers[import_name(mutant.path)]
        second = self._within([t for t in rest if _file(t) in naming], self._settings.last_steps)
        second += self._within([t for t in rest if _file(t) not in naming], self._settings.other_steps)
        return [wave for wave in (first, second) if wave]

    def tests(self, mutant: Mutant) -> list[str]:
        """All that it has to survive, in order."""
        return [test for wave in self.waves(mutant) for test in wave]

    def is_imported(self, mutant: Mutant) -> bool:
        """Whether it changes what runs when something is imported."""
        at_import = self._at_import.get(mutant.change.module, set())
        return not mutant.lines or not at_import.isdisjoint(mutant.lines)

    def times(self, tests: Iterable[str]) -> dict[str, float]:
        """How long each takes on the code as it is, in seconds."""
        return {test: self._tests[test].seconds for test in tests}

    def _rank(self, test: str, mutant: Mutant) -> tuple[float, int, str, int, str]:
        """Files that import the module and little else are about it; most others only pass through."""
        file = _file(test)
        about = self._imports[file] if file in self._importers[import_name(mutant.path)] else float("inf")
        return about, self._folder(test), file, self._tests[test].steps, test

    def _within(self, tests: list[str], steps: int) -> list[str]:
        """Those that fit, in order, but one at least."""
        chosen: list[str] = []
        for test in tests:
            needed = _STEPS_PER_TEST + self._tests[test].steps
            if not chosen or needed <= steps:
                chosen.append(test)
                steps -= needed
        return chosen

    def _meets(self, test: str, mutant: Mutant) -> bool:
        reach = self._tests[test]
        if not reach.lines.get(mutant.change.module, set()).isdisjoint(mutant.lines):
            return True
        if not self.is_imported(mutant):
            return False
        # Code that runs at import concerns whoever uses the module.
        users = self._importers[import_name(mutant.path)]
        return (
            _file(test) in users or mutant.change.module in reach.files or not reach.files.isdisjoint(users)
        )

    def _folder(self, test: str) -> int:
        return next(i for i, folder in enumerate(self._settings.tests) if test.startswith(f"tests/{folder}/"))


def _file(test: str) -> str:
    return test.partition("::")[0]


def _imports(paths: Iterable[Path]) -> tuple[dict[str, set[str]], dict[str, int]]:
    """By import name of a module the files that import it, and by file how many modules it imports from.

    Files of the package go by their short names, tests by their paths.
    """
    importers: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = {}
    for path in paths:
        name = short_name(path) if path.is_relative_to(LAYER) else path.relative_to(ROOT).as_posix()
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        counts[name] = len({node.module for node in nodes if (node.module or "").startswith(PACKAGE.name)})
        for node in nodes:
            importers[node.module or ""].add(name)
            for alias in node.names:
                importers[f"{node.module}.{alias.name}"].add(name)
    return importers, counts
