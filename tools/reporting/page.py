"""Writes the figures of docs/proof.md from the data in ``proof/results``; the rest is written by hand."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from tools.reporting.goals import GOALS, SHORT
from tools.reporting.results import ROOT, Section, all_sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPORT: Final = ROOT / "docs" / "proof.md"
BEGIN: Final = "<!-- From here on written by `make prove`. -->\n"
END: Final = "<!-- Up to here. -->\n"
LINE_LENGTH: Final = 120


def write() -> None:
    """Write the page."""
    REPORT.write_text(page(REPORT.read_text(), all_sections()))


def page(before: str, sections: Mapping[str, Section]) -> str:
    """Return the page with the generated part replaced by these sections, which are keyed by file name."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return "".join([head, BEGIN, "\n", *_generated(sections), "\n", END, tail])


def _generated(sections: Mapping[str, Section]) -> Iterator[str]:
    yield "| data, version of the code | figure | found | goal |\n"
    yield "|---|---|---|---|\n"
    for name, section in sections.items():
        goals = GOALS.get(name) or dict.fromkeys(section.figures, "")
        first = f"[{section.title}](../proof/results/{name}.json) `{section.version}`"
        for label, figure in section.figures.items():
            if label in goals or label == SHORT:
                yield f"| {first} | {label} | {_cell(figure)} | {goals.get(label, '')} |\n"
                first = ""
    yield "\n## How each was found\n"
    for section in sections.values():
        words = f"**{section.title}.** {' '.join(section.text[:1])}"
        yield f"\n{fill(words, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)}\n"


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")
