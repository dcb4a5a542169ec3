"""What a test reaches is counted without changing what the code does."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from tools.mutation import marks
from tools.mutation.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

SOURCE = '''\
def sign(number):
    """Says which side of nought it is on."""
    if number < 0:
        return -1
    for _ in range(number):
        number -= 1
    return 1


class Box:
    @property
    def size(self):
        return ONE


ONE = sign(1)
'''


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Marks, ModuleType]]:
    (tmp_path / "marked_sample.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(marks, "_PREFIXES", ("marked_sample",))
    found = Marks()
    found.install()
    yield found, importlib.import_module("marked_sample")
    del sys.modules["marked_sample"]


def test_each_statement_of_a_function_counts_as_often_as_it_runs(counted: tuple[Marks, ModuleType]) -> None:
    found, module = counted

    assert module.sign(2) == 1
    assert found.take() == {"marked_sample": {3: 1, 5: 1, 6: 2, 7: 1}}
    assert module.sign(-1) == -1
    assert module.Box().size == 1
    assert found.take() == {"marked_sample": {3: 1, 4: 1, 13: 1}}
    assert found.take() == {}


def test_what_an_import_runs_belongs_to_no_test(counted: tuple[Marks, ModuleType]) -> None:
    found, _ = counted

    assert found.take() == {}
    assert found.at_import == {"marked_sample": {3, 5, 6, 7}}


def test_an_import_in_the_middle_loses_nothing_that_was_counted(counted: tuple[Marks, ModuleType]) -> None:
    found, module = counted

    module.sign(-1)
    importlib.reload(module)

    assert found.take() == {"marked_sample": {3: 1, 4: 1}}


def test_docstrings_stay(counted: tuple[Marks, ModuleType]) -> None:
    assert counted[1].sign.__doc__ == "Says which side of nought it is on."
