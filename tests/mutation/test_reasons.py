"""Reasons for survivors are about code that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.mutation import mutants, reasons, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_every_reason_is_about_a_mutant_that_can_still_be_made() -> None:
    known = {str(mutant.change) for path in settings.load().modules for mutant in mutants.find(path)}

    assert [change for change in reasons.load() if change not in known] == []


def test_every_reason_says_why_in_a_sentence() -> None:
    assert [reason for reason in reasons.load().values() if not reason.why.endswith(".")] == []


def test_a_survivor_has_one_reason(tmp_path: Path) -> None:
    entry = '[[reason]]\nwhy = "Because."\nequivalent = true\nsurvivors = ["a b: c | d → e"]\n'
    file = tmp_path / "reasons.toml"

    file.write_text(entry)
    assert set(reasons.load(file)) == {"a b: c | d → e"}

    file.write_text(entry * 2)
    with pytest.raises(ValueError, match="two reasons"):
        reasons.load(file)
