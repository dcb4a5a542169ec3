"""Which tests run which lines: found by running all of them once on the code as it is."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from tools.mutation.settings import PACKAGE, short_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import CodeType, FrameType

_QUIET_CALLS_MAX: Final = 300
"""A test that called a function so often without reaching a new line of it is not followed there any more."""


@dataclass(slots=True)
class Reach:
    """What one test does: processor seconds, the package's files that it enters, lines of mutated modules.

    Files and modules go by their short names.
    """

    seconds: float = 0.0
    files: set[str] = field(default_factory=set)
    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``from_json``."""
        lines = {module: sorted(lines) for module, lines in sorted(self.lines.items())}
        return {"seconds": round(self.seconds, 4), "files": sorted(self.files), "lines": lines}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Reach:
        """What ``as_json`` made."""
        lines = {module: set(lines) for module, lines in found["lines"].items()}
        return cls(found["seconds"], set(found["files"]), lines)


class Recorder:
    """A pytest plugin that fills ``tests``, by node id, and ``failed``, the node ids that are no basis."""

    def __init__(self, modules: Sequence[Path]) -> None:
        self.tests: dict[str, Reach] = {}
        self.failed: list[str] = []
        self._modules = {str(module): short_name(module) for module in modules}
        self._package = f"{PACKAGE}/"
        self._now = Reach()
        self._known_modules = 0
        self._files: dict[str, Reach] = {}
        self._quiet: Counter[CodeType] = Counter()
        self._caches: list[Callable[[], None]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Trace what a file does when it is imported; parameters of its tests may be made there."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        self._now = self._files[collector.nodeid] = Reach()
        with self._traced():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Trace one test with its fixtures."""
        file = self._files[item.nodeid.partition("::")[0]]
        self._now = self.tests[item.nodeid] = Reach(0.0, set(file.files))
        for module, lines in file.lines.items():
            self._now.lines[module] |= lines
        self._forget()
        began = time.process_time()
        with self._traced():
            result = yield
        self._now.seconds = time.process_time() - began
        return result

    @contextmanager
    def _traced(self) -> Iterator[None]:
        self._quiet.clear()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails without any change."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be imported without any change."""
        if report.failed:
            self.failed.append(report.nodeid)

    def _forget(self) -> None:
        """Empty the package's caches: else only the first of all tests runs what is behind them."""
        if len(sys.modules) != self._known_modules:
            self._known_modules = len(sys.modules)
            self._caches = [
                value.cache_clear
                for name, module in sys.modules.items()
                if name.startswith(f"{PACKAGE.name}.")
                for value in vars(module).values()
                if hasattr(value, "cache_clear")
            ]
        for clear in self._caches:
            clear()

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(self._package) or frame.f_code.co_name == "<module>":
            return None
        self._now.files.add(name.removeprefix(self._package))
        module = self._modules.get(name)
        if module is None:
            return None
        code = frame.f_code
        if self._quiet[code] > _QUIET_CALLS_MAX:
            return None
        self._quiet[code] += 1
        lines = self._now.lines[module]

        def follow(frame: FrameType, _event: str, _argument: object) -> Any:
            if frame.f_lineno not in lines:
                lines.add(frame.f_lineno)
                self._quiet[code] = 0
            return follow

        return follow(frame, "", None)
