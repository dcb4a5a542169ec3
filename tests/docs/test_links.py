"""Every link between pages of this repository resolves."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("events/*.md"), *(ROOT / "docs").rglob("*.md")])
LINK: Final = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _prose(page: Path) -> str:
    return CODE.sub("", page.read_text("utf-8"))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchor that Git hosts make from the text of a heading."""
    return frozenset(
        re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", text).lower()).replace(" ", "-")
        for text in HEADING.findall(_prose(page))
    )


def _broken(page: Path) -> Iterator[str]:
    for name, anchor in LINK.findall(_prose(page)):
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield f"{name}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_resolves_to_a_file_and_a_heading(page: Path) -> None:
    assert list(_broken(page)) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        ahead += [(page.parent / name).resolve() for name, _ in LINK.findall(_prose(page)) if name]

    assert set(PAGES) - reached == set()
