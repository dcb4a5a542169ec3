"""The time of a claim's change rises with every change that a reader sees, within one life of its id."""

from __future__ import annotations

from typing import Any

import pytest

from proof.time_rules import NO_TERMS, SHOWN, TimeRules

KEY = ("ORG#a", "CLAIM#a")
NOW_MS = 1_780_000_100_000
TOMBSTONE: dict[str, Any] = {"status": {"S": "gone"}, "life": {"B": b"first"}}


def claim(updated_at: int, shown: str) -> dict[str, Any]:
    """A claim's item that changed at this second."""
    return {"status": {"S": "STATUS_READY"}, "updated_at": {"N": str(updated_at)}, SHOWN[0]: {"S": shown}}


def problems(*items: dict[str, Any]) -> list[str]:
    found: list[str] = []
    rules = TimeRules(lambda: NOW_MS, lambda: None, found.append, NO_TERMS)
    for item in items:
        rules.note(KEY, item, given=False)
    return found


def test_a_change_has_a_later_time_than_the_one_before() -> None:
    assert problems(claim(1_780_000_000, "a"), claim(1_780_000_001, "b")) == []


@pytest.mark.parametrize("second", [1_780_000_000, 1_779_999_999])
def test_a_change_with_no_later_time_is_a_problem(second: int) -> None:
    [problem] = problems(claim(1_780_000_000, "a"), claim(second, "b"))
    assert "is not after the last" in problem


def test_a_claim_that_replaces_an_unfinished_tombstone_begins_anew() -> None:
    assert problems(TOMBSTONE, claim(1_780_000_000, "a")) == []


def test_a_change_in_the_future_is_a_problem() -> None:
    [problem] = problems(claim(1_780_009_999, "a"))
    assert "in the future" in problem
