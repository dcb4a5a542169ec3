"""Results that accumulate over runs, one JSON file for each command that proves something.

A file in ``proof/results`` is data of ``docs/proof.md``, which shows its figures and its first paragraph. Any
command may write one. Its fields:

=========  =========================================================================================
field      content
=========  =========================================================================================
title      heading of the section
order      number; the page sorts sections by it
text       list of paragraphs, Markdown; the page shows the first
figures    object of label to figure (number or text); ``goals.py`` has the goals
tables     list of objects with ``header`` (list of texts) and ``rows`` (list of lists of cells); not shown
version    ``code_version()`` of the code that gave the results
raw        what the command itself reads and adds to in its next run; not shown
=========  =========================================================================================
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = ROOT / "proof" / "results"
_JUDGED: Final = ("layers/shared/gpu_capacity", "functions", "statemachines")
_PACKAGE: Final = ROOT / "layers/shared/gpu_capacity"
_NOT_RUN: Final = {_PACKAGE / "http", *_PACKAGE.glob("*/api")}
"""The HTTP layer, left out of the version: clients of the simulation call the use cases directly."""

_JUDGES: Final = (
    *("proof", "testkit/dynamodb", "testkit/vms", "testkit/workflow/definitions.py"),
    *("testkit/workflow/faults.py", "testkit/state_machine.py", "testkit/state_machine_definition.py"),
    *("testkit/world.py", "testkit/doubles.py", "testkit/auditor", "testkit/items.py", "testkit/placed.py"),
    *("testkit/placements.py", "testkit/reservations.py"),
)
"""Folders and files beside the product that the simulation runs."""

_WRITERS: Final = {
    *("__main__.py", "full.py", "quick.py", "reduction.py", "sections.py"),
}
"""Modules of the proof, left out of the version: they run or show what others find out, or only the quick
form needs them, whose results are not kept. A change there does not make saved results invalid."""


@dataclass
class Section:
    """One file."""

    title: str
    order: int
    text: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)
    version: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


@cache
def code_version() -> str:
    """Return twelve hex digits that change with the product (without its HTTP layer) and with what judges it.

    Results of another version are discarded: a seed gives another history when the simulation changes, and
    results of other code prove nothing about this code.
    """
    return _digest(_JUDGES, {RESULTS} | _NOT_RUN)


@cache
def service_version() -> str:
    """Return the same for the whole product and nothing else: for results of calls over HTTP."""
    return _digest((), set())


def _digest(judges: tuple[str, ...], left_out: set[Path]) -> str:
    digest = hashlib.sha256()
    for name in (*_JUDGED, *judges):
        for path in sorted([ROOT / name, *(ROOT / name).rglob("*")]):
            writes = path.parent == ROOT / "proof" and path.name in _WRITERS
            if (
                path.suffix in {".py", ".json"}
                and path.is_file()
                and not writes
                and not left_out & set(path.parents)
            ):
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def load(name: str, folder: Path = RESULTS) -> Section | None:
    """Return the saved section, if there is one."""
    path = folder / f"{name}.json"
    return Section(**json.loads(path.read_text())) if path.exists() else None


def load_raw(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Return what a command saved with this version of the code; empty if there is nothing."""
    section = load(name, folder)
    return section.raw if section is not None and section.version == code_version() else {}


def save(name: str, section: Section, folder: Path = RESULTS) -> None:
    """Write a section. The file is replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    section.version = section.version or code_version()
    path = folder / f"{name}.json"
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(section), indent=1, ensure_ascii=False) + "\n")
    fresh.replace(path)


def all_sections(folder: Path = RESULTS) -> dict[str, Section]:
    """Return every section by the name of its file, in order."""
    sections = {path.stem: Section(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))}
    return dict(sorted(sections.items(), key=lambda named: (named[1].order, named[1].title)))
