"""Saved results: one JSON file a part, beside the pictures, and the document that is written from them.

Both are committed, so a reader can see what a figure was made of, and running one part again changes its
section of the document and no other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.report import Section, document, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFACE = """\
# Benchmarks

Written by `make bench`; edit nothing here. Every part can be run again by itself
(`make bench ARGS='--part cost'`); the rest of the document then stays as it was. Each figure stands beside
its anchor: a goal that was set, or the figure of something else that does the same. What is counted, computed
or in virtual time is the same on every machine; real times are those of the machine it ran on.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a part said, how long it took in seconds, and the day (UTC) it ran."""

    section: Section
    seconds: float
    date: str


def save(folder: Path, name: str, result: Result) -> None:
    """Write the results of a part."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"date": result.date, "seconds": round(result.seconds, 1), **result.section.as_json()}
    (folder / f"{name}.json").write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path, name: str) -> Result | None:
    """The saved results of a part, ``None`` where there are none."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    return Result(Section.of_json(stored), stored["seconds"], stored["date"])


def written_from(folder: Path, titles: Mapping[str, str]) -> str:
    """The document, from the saved results of these parts, by name; it says which were never run."""
    sections, times = [], []
    for name, title in titles.items():
        result = load(folder, name)
        if result is None:
            section = Section(title)
            section.text(f"Not measured yet (`make bench ARGS='--part {name}'`).")
            sections.append(section)
        else:
            sections.append(result.section)
            times.append((name, result.date, f"{result.seconds:.0f}"))
    last = Section("When this was run, and how long it took")
    last.text("Parts that measure real time run one after another, the others two at a time.")
    last.blocks.append(table(("part", "run on", "s"), times))
    return document([*sections, last], PREFACE)
