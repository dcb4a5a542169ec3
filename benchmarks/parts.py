"""The parts of the benchmark, in the order of the document."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from benchmarks import results
from benchmarks.report import Section

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Args:
        name: name on the command line and of the results file.
        module: has ``measure(options) -> Section``; imported only when the part runs.
        title: heading in the document while there are no results.
        alone: whether it measures real time, so that no other part may run at the same time.
        after: parts whose saved results it uses.
    """

    name: str
    module: str
    title: str
    alone: bool = False
    after: tuple[str, ...] = ()

    def run(self, options: Options) -> str:
        """Measure and save the results; return a short status text.

        A part that could not be measured does not replace earlier results.
        """
        began = time.perf_counter()
        section = self._measure()(options)
        seconds = time.perf_counter() - began
        kept = results.load(options.plots, self.name)
        if kept is not None and kept.section.measured and not section.measured:
            return f"not measured, the results of {kept.date} stay"
        date = datetime.now(UTC).date().isoformat()
        results.save(options.plots, self.name, results.Result(section, seconds, date))
        return f"{seconds:.0f} s"

    def _measure(self) -> Callable[[Options], Section]:
        try:
            return cast("Callable[[Options], Section]", importlib.import_module(self.module).measure)
        except ModuleNotFoundError as missing:
            if missing.name is not None and self.module.startswith(missing.name):
                return self._absent
            raise

    def _absent(self, _options: Options) -> Section:
        section = Section(self.title)
        section.not_measured("this part is not in this checkout")
        return section


PARTS: Final = (
    Part("cost", "benchmarks.cost", "Cost"),
    Part("contention", "benchmarks.contention.part", "Contention"),
    Part("quality", "benchmarks.quality.part", "Placement quality"),
    Part("slices", "benchmarks.slices.part", "Slices of nodes on a real trace"),
    Part("decision-time", "benchmarks.decision_time", "Decision time", alone=True),
    Part("cold-start", "benchmarks.cold_start", "Cold start", alone=True),
    Part("warm-path", "benchmarks.warm_path", "Warm path", alone=True),
    Part("fleet-sync", "benchmarks.fleet_sync", "Inventory sync of a large fleet", alone=True),
    Part("peers", "benchmarks.peers.part", "Peers on the same trace", alone=True),
    Part("healing", "benchmarks.healing.part", "Healing", alone=True),
    Part("scale", "benchmarks.scale", "Scale on paper", after=("cost", "contention")),
)
TITLES: Final = {part.name: part.title for part in PARTS}
"""Headings of the document, in its order."""


def named(name: str) -> Part:
    """Return the part with that name."""
    return next(part for part in PARTS if part.name == name)
