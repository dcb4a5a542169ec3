"""The index of decisions is complete, and a decision and the one that replaces it name each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parents[2] / "docs" / "decisions"
DECISIONS: Final = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("[0-9]*.md"))}
ROW: Final = re.compile(r"^\| (\d+) \| \[(.+)\]\(([^)]+)\) \| (\S.*) \| ([^|]+) \|$", re.MULTILINE)
REPLACED: Final = re.compile(r"^\*(Replaced(?: in part)?) by (.+?)\*$", re.MULTILINE | re.DOTALL)
REPLACES: Final = re.compile(r"^\*Replaces(?: parts of)? (.+?)\*$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[(\d+)\]\(([^)]+)\)")


def _named(pattern: re.Pattern[str], text: str) -> set[str]:
    """File names that the status line names; a link's number is that of its file."""
    found = pattern.search(text)
    links = LINK.findall(found[found.lastindex or 0]) if found else []
    assert all(int(number) == int(name[:4]) for number, name in links), links
    return {name for _, name in links}


def _status(text: str) -> str:
    found = REPLACED.search(text)
    if found is None:
        return "in force"
    links = [f"[{number}]({name})" for number, name in LINK.findall(found[2])]
    return f"{found[1].lower()} by {', '.join(links)}"


def test_the_index_lists_every_decision_with_its_title_and_status() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text("utf-8"))

    assert [(int(number), title, name, status) for number, title, name, _, status in rows] == [
        (int(name[:4]), text.splitlines()[0].split(". ", 1)[1], name, _status(text))
        for name, text in DECISIONS.items()
    ]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_that_is_replaced_and_the_one_that_replaces_it_name_each_other(name: str) -> None:
    for successor in _named(REPLACED, DECISIONS[name]):
        assert successor > name
        assert name in _named(REPLACES, DECISIONS[successor])
    for predecessor in _named(REPLACES, DECISIONS[name]):
        assert name in _named(REPLACED, DECISIONS[predecessor])


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_what_was_decided_why_and_the_alternatives(name: str) -> None:
    for heading in ("What|Decision", "Why", "Alternatives"):
        assert re.search(rf"^\*\*(?:{heading})", DECISIONS[name], re.MULTILINE), heading
