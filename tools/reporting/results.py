"""Results that add up, one JSON file for each command that proves something.

A file in ``proof/results`` is data of ``docs/proof.md``, which shows its figures and its first paragraph. Any
command may write one; it says:

=========  =========================================================================================
field      content
=========  =========================================================================================
title      heading of the section
order      number; sections stand in its order
text       list of paragraphs, Markdown; the page shows the first
figures    object of label to figure (number or text); ``goals.py`` says what they are meant to be
tables     list of objects with ``header`` (list of texts) and ``rows`` (list of lists of cells); not shown
version    ``code_version()`` of the code that it was found with
raw        whatever the command itself adds up from the next time; not shown
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
"""How requests become calls of the use cases: clients of the simulation make these calls themselves."""

_JUDGES: Final = (
    *("proof", "testkit/dynamodb", "testkit/vms", "testkit/workflow/definitions.py"),
    *("testkit/workflow/faults.py", "testkit/state_machine.py", "testkit/state_machine_definition.py"),
    *("testkit/world.py", "testkit/doubles.py", "testkit/auditor", "testkit/items.py"),
)
"""Folders and files of what the simulation runs beside the product."""

_WRITERS: Final = {
    *("__main__.py", "full.py", "quick.py", "reduction.py", "sections.py"),
}
"""Modules of the proof that run or show what others find out, or that only the quick form needs, of which
nothing is kept; a change there leaves it true."""


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
    """Twelve hex digits that change with the product, without its HTTP layer, and with what judges it.

    Results of another version are not added up: a seed means another history when the simulation changes, and
    what was found of other code says nothing of this.
    """
    return _digest(_JUDGES, {RESULTS} | _NOT_RUN)


@cache
def service_version() -> str:
    """The same of the whole product and nothing else: for what is found by calling it."""
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
    """What was found before, if anything."""
    path = folder / f"{name}.json"
    return Section(**json.loads(path.read_text())) if path.exists() else None


def load_raw(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """What a command added up so far with this version of the code; empty when there is nothing."""
    section = load(name, folder)
    return section.raw if section is not None and section.version == code_version() else {}


def save(name: str, section: Section, folder: Path = RESULTS) -> None:
    """Write a section; a file is there as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    section.version = section.version or code_version()
    path = folder / f"{name}.json"
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(section), indent=1, ensure_ascii=False) + "\n")
    fresh.replace(path)


def all_sections(folder: Path = RESULTS) -> dict[str, Section]:
    """Every section by the name of its file, in order."""
    sections = {path.stem: Section(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))}
    return dict(sorted(sections.items(), key=lambda named: (named[1].order, named[1].title)))
