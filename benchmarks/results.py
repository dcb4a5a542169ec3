"""Saved results, one JSON file per part in the folder of the plots, and the document written from them.

Both are committed, so that readers can see the data behind a figure, and a new run of one part changes only
its section of the document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.about import ABOUT
from benchmarks.report import Section, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFACE = """\
# Benchmarks

`make bench` writes this page and the data beside it. The page has the figures that matter; the data has every
table, what was assumed, and the words to it. `make bench ARGS='--part cost'` runs one part again and leaves
the others as they were; `ARGS='--document --part cost'` shows what its data says. A goal is one that was set,
or the figure of something else that does the same. Counts, computed figures and virtual times are the same on
every machine; real times are those of the machine that the part ran on.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """The section of a part, its duration in seconds, and the day (UTC) of the run."""

    section: Section
    seconds: float
    date: str


def save(folder: Path, name: str, result: Result) -> None:
    """Write the results of a part."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"date": result.date, "seconds": round(result.seconds, 1), **result.section.as_json()}
    (folder / f"{name}.json").write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path, name: str) -> Result | None:
    """Return the saved results of a part, ``None`` if there are none."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    return Result(Section.of_json(stored), stored["seconds"], stored["date"])


def written_from(folder: Path, titles: Mapping[str, str]) -> str:
    """Return the document from the saved results of these parts; it names parts that were never run."""
    found = {name: load(folder, name) for name in titles}
    parts = [PREFACE, verdicts(result.section for result in found.values() if result is not None)]
    for name, title in titles.items():
        result = found[name]
        section = Section(title) if result is None else result.section
        parts.append(section.summary(f"{' '.join(ABOUT[name].split())} {_source(name, result)}"))
    return "\n".join(parts)


def _source(name: str, result: Result | None) -> str:
    if result is None:
        return f"No results yet of the part `{name}`."
    hidden = sum(not figure.is_shown for figure in result.section.figures)
    more = f" with {hidden} more figures" if hidden else ""
    return f"[Data](benchmarks/{name}.json){more}, run on {result.date} in {result.seconds:.0f} s."
