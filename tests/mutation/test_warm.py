"""Functions that exist get the code of a mutant, unless that would not be all of it."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from tools.mutation import mutants, settings
from tools.mutation.warm import Functions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

SOURCE = """\
from functools import cache

LIMIT = 5


@cache
def total(numbers, start=3):
    return start + sum(n * 2 for n in numbers)


class Box:
    @staticmethod
    def holds(n): return n < LIMIT


PAIR = (lambda n: n + 1), (lambda n: n + 2)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "warm_sample.py").write_text(SOURCE)
    monkeypatch.setattr(settings, "PACKAGE", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("warm_sample")
    del sys.modules["warm_sample"]


def _change(module: ModuleType, before: str, after: str) -> bool:
    path = settings.PACKAGE / "warm_sample.py"
    wanted = (before, after)
    (mutant,) = (m for m in mutants.find(path) if (m.change.before, m.change.after) == wanted)
    return Functions({str(path)}).change(str(path), mutant.compile())


def test_a_function_is_changed_wherever_it_is_known(module: ModuleType) -> None:
    known = module.Box.holds

    assert _change(module, "n < LIMIT", "n <= LIMIT")
    assert known(5)


def test_what_is_inside_a_function_is_changed_with_it_behind_its_cache(module: ModuleType) -> None:
    assert module.total((1,)) == 5
    assert _change(module, "start + sum((n * 2 for n in numbers))", "start + sum((n // 2 for n in numbers))")
    assert module.total((4,)) == 5


@pytest.mark.parametrize(
    ("before", "after"), [("5", "6"), ("3", "4"), ("n + 1", "n - 1"), ("n + 2", "n - 2")]
)
def test_what_runs_at_import_and_what_cannot_be_told_apart_is_refused(
    module: ModuleType, before: str, after: str
) -> None:
    changes = {(m.change.before, m.change.after) for m in mutants.find(settings.PACKAGE / "warm_sample.py")}
    shown = next(pair for pair in changes if pair[0].endswith(before) or before in pair[0])

    assert not _change(module, *shown)
