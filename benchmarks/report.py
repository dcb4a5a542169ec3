"""The results of a part of the benchmark: figures with their goals, tables, text.

A section is saved as JSON (``Section.as_json``), so that the document can be written from the results of
earlier runs.
"""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LINE_LENGTH: Final = 118
Block: TypeAlias = "str | dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure with its goal: a target, or the figure of something comparable.

    ``met`` is ``None`` if there is no goal. ``why`` says why a goal is missed. A ``detail`` is only in the
    data, unless it misses its goal.
    """

    name: str
    measured: str
    anchor: str = "—"
    met: bool | None = None
    why: str = ""
    detail: bool = False

    @property
    def verdict(self) -> str:
        """For the table: one word, and the reason why a goal is missed."""
        if self.met is False:
            return f"**short**: {self.why}" if self.why else "**short**"
        return "met" if self.met else "—"

    @property
    def is_shown(self) -> bool:
        """Whether the document shows it."""
        return not self.detail or self.met is False


@dataclass(slots=True)
class Section:
    """One part: a title, figures, and blocks of text, tables and plots.

    The document shows figures and plots; a run of the part prints everything. A block is a paragraph, a table
    (``head`` and ``rows``) or a plot (``plot``, the name of its file, and ``caption``). ``values`` are plain
    numbers for parts that compute with them.
    """

    title: str
    figures: list[Figure] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    measured: bool = True

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Section:
        """Read a section from the result of ``as_json``."""
        figures = [Figure(**figure) for figure in stored["figures"]]
        return cls(stored["title"], figures, list(stored["blocks"]), stored["values"], stored["measured"])

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)

    def figure(
        self,
        name: str,
        measured: str,
        anchor: str = "—",
        *,
        met: bool | None = None,
        why: str = "",
        detail: bool = False,
    ) -> None:
        """Add a figure; ``why`` is shown only if the goal is missed."""
        self.figures.append(Figure(name, measured, anchor, met, why if met is False else "", detail))

    def text(self, *lines: str) -> None:
        """Add a paragraph."""
        self.blocks.append("\n".join(lines))

    def not_measured(self, why: str) -> None:
        """State what is missing, e.g. ``"give a trace"``. Results of an earlier run stay then."""
        self.measured = False
        self.text(f"Not measured: {why}.")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table. Every row must be as long as the head."""
        body = [list(row) for row in rows]
        assert all(len(row) == len(head) for row in body), "a row of another length than the head"
        self.blocks.append({"head": list(head), "rows": body})

    def plot(self, name: str, caption: str) -> None:
        """Add a plot by the name of its file."""
        self.blocks.append({"plot": name, "caption": caption})

    def markdown(self) -> str:
        """Return the whole section as Markdown."""
        parts = [f"## {self.title}"]
        if self.figures:
            parts.append(_figures(self.figures))
        return "\n\n".join([*parts, *map(_shown, self.blocks)]) + "\n"

    def summary(self, about: str) -> str:
        """Return the section for the document: description, figures and plots."""
        shown = [figure for figure in self.figures if figure.is_shown]
        plots = [_shown(block) for block in self.blocks if "plot" in block and not isinstance(block, str)]
        parts = (f"## {self.title}", _wrapped(about), _figures(shown) if shown else "", " ".join(plots))
        return "\n\n".join(part for part in parts if part) + "\n"


def _figures(figures: Sequence[Figure]) -> str:
    head = ("figure", "measured", "goal or comparison", "")
    return table(head, [(f.name, f.measured, f.anchor, f.verdict) for f in figures])


def _shown(block: Block) -> str:
    if isinstance(block, str):
        return _wrapped(block)
    if "plot" in block:
        return f"![{block['caption']}](benchmarks/{block['plot']}.svg)"
    return table(block["head"], block["rows"])


def _wrapped(text: str) -> str:
    """Wrap text to the line length of the documents."""
    return "\n".join(
        textwrap.fill(line, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def verdicts(sections: Iterable[Section]) -> str:
    """How many figures meet their goals."""
    found = [figure.met for section in sections for figure in section.figures]
    return (
        f"Of the figures with a goal {found.count(True)} meet it and {found.count(False)} fall short"
        " (**short**, with the reason).\n"
    )
