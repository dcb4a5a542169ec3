"""Which tests run which statements: found by running all of them once on the code as it is."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tools.mutation.marks import Marks
from tools.mutation.settings import PACKAGE, import_name, short_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


@dataclass(slots=True)
class Reach:
    """What one test does.

    Attributes:
        seconds: of the processor; not the same each time.
        steps: statements of the package and of the fakes, rounded; the same each time.
        files: those of the package that it enters, by short name.
        lines: of the mutated modules, by short name.
    """

    seconds: float = 0.0
    steps: int = 0
    files: set[str] = field(default_factory=set)
    lines: dict[str, set[int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``from_json``."""
        lines = {module: sorted(lines) for module, lines in sorted(self.lines.items())}
        return {
            "seconds": round(self.seconds, 4),
            "steps": self.steps,
            "files": sorted(self.files),
            "lines": lines,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Reach:
        """What ``as_json`` made."""
        lines = {module: set(lines) for module, lines in found["lines"].items()}
        return cls(found["seconds"], found["steps"], set(found["files"]), lines)


class Recorder:
    """A pytest plugin that fills ``tests``, by node id, and ``failed``, the node ids that are no basis.

    Made before the package is imported.
    """

    def __init__(self, modules: Sequence[Path]) -> None:
        self.tests: dict[str, Reach] = {}
        self.failed: list[str] = []
        self._modules = {short_name(module) for module in modules}
        self._names = {import_name(module): short_name(module) for module in PACKAGE.rglob("*.py")}
        self._marks = Marks()
        self._known_modules = 0
        self._files: dict[str, dict[str, dict[int, int]]] = {}
        self._caches: list[Callable[[], None]] = []

    @property
    def at_import(self) -> dict[str, set[int]]:
        """Lines of functions that importing the mutated modules runs, by short name."""
        found = {
            self._names[name]: lines for name, lines in self._marks.at_import.items() if name in self._names
        }
        return {name: lines for name, lines in found.items() if name in self._modules}

    def install(self) -> None:
        """Mark what is imported from now on."""
        self._marks.install()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Note what a file does when it is imported; parameters of its tests may be made there."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        self._marks.take()
        result = yield
        self._files[collector.nodeid] = self._marks.take()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Count what one test runs, with its fixtures."""
        self._forget()
        self._marks.take()
        began = time.process_time()
        result = yield
        seconds = time.process_time() - began
        self.tests[item.nodeid] = self._reach(
            seconds, [self._marks.take(), self._files[item.nodeid.partition("::")[0]]]
        )
        return result

    def _forget(self) -> None:
        """Else only the first of all tests runs what is behind a cache."""
        if len(sys.modules) != self._known_modules:
            self._known_modules = len(sys.modules)
            self._caches = caches()
        for clear in self._caches:
            clear()

    def _reach(self, seconds: float, counted: list[dict[str, dict[int, int]]]) -> Reach:
        reach = Reach(seconds, _rounded(sum(sum(lines.values()) for lines in counted[0].values())))
        for counts in counted:
            for name, lines in counts.items():
                short = self._names.get(name)
                if short is None:
                    continue
                reach.files.add(short)
                if short in self._modules:
                    reach.lines.setdefault(short, set()).update(lines)
        return reach

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails without any change."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be imported without any change."""
        if report.failed:
            self.failed.append(report.nodeid)


def caches() -> list[Callable[[], None]]:
    """What empties the caches of the package as far as it is imported."""
    return [
        value.cache_clear
        for name, module in list(sys.modules.items())
        if name.startswith(f"{PACKAGE.name}.")
        for value in vars(module).values()
        if hasattr(value, "cache_clear")
    ]


def _rounded(steps: int) -> int:
    """To the next number of two leading binary digits, so that a test that varies a little seems not to."""
    spare = max(steps.bit_length() - 2, 0)
    return -(-steps >> spare) << spare
