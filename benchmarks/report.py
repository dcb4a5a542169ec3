"""What a part of the benchmark says: figures beside their anchors, tables, words.

A section survives as JSON (``Section.as_json``), so that the document can be written from what earlier runs
of the parts have measured.
"""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LINE_LENGTH: Final = 118


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its anchor. ``met`` is ``None`` where there is nothing to meet."""

    name: str
    measured: str
    anchor: str = "—"
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return {True: "met", False: "**short**", None: "—"}[self.met]


@dataclass(slots=True)
class Section:
    """One part: a title, figures for the summary, and the blocks of text and tables below.

    ``values`` are plain numbers for parts that compute with them; the document does not show them.
    """

    title: str
    figures: list[Figure] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    measured: bool = True

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Section:
        """What ``as_json`` gave."""
        figures = [Figure(**figure) for figure in stored["figures"]]
        return cls(stored["title"], figures, list(stored["blocks"]), stored["values"], stored["measured"])

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    def figure(self, name: str, measured: str, anchor: str = "—", *, met: bool | None = None) -> None:
        """Add a figure to the table of anchors."""
        self.figures.append(Figure(name, measured, anchor, met))

    def text(self, *lines: str) -> None:
        """Add a paragraph."""
        self.blocks.append("\n".join(lines))

    def not_measured(self, why: str) -> None:
        """Say that something is missing, e.g. ``"give a trace"``. Results of an earlier run then stay."""
        self.measured = False
        self.text(f"Not measured: {why}.")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table."""
        self.blocks.append(table(head, rows))

    def plot(self, name: str, caption: str) -> None:
        """Refer to a picture beside the document."""
        self.blocks.append(f"![{caption}](benchmarks/{name}.svg)")

    def markdown(self) -> str:
        """The section as it stands in the document."""
        parts = [f"## {self.title}"]
        if self.figures:
            head = ("figure", "measured", "anchor", "")
            parts.append(table(head, [(f.name, f.measured, f.anchor, f.verdict) for f in self.figures]))
        return "\n\n".join([*parts, *map(_wrapped, self.blocks)]) + "\n"


def _wrapped(block: str) -> str:
    """Words in lines of the width that the other documents have; tables and pictures as they are."""
    if block.startswith(("|", "!")):
        return block
    lines = block.splitlines()
    return "\n".join(
        textwrap.fill(line, LINE_LENGTH, break_long_words=False, break_on_hyphens=False) for line in lines
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. Every row must be as long as the head."""
    body = [[str(cell) for cell in row] for row in rows]
    assert all(len(row) == len(head) for row in body), "a row of another length than the head"
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in body)]
    return "\n".join(f"| {line} |" for line in lines)


def document(sections: Sequence[Section], preface: str) -> str:
    """The whole document: what was met first, then every part."""
    met = [f for s in sections for f in s.figures if f.met]
    short = [(s.title, f) for s in sections for f in s.figures if f.met is False]
    summary = f"Of the figures with an anchor {len(met)} meet it and {len(short)} fall short"
    lines = [f"- {title}: {f.name}, {f.measured} (anchor {f.anchor})" for title, f in short]
    summary += ":\n\n" + "\n".join(lines) if lines else "."
    return "\n".join([preface, summary + "\n", *(section.markdown() for section in sections)])
