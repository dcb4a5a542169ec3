from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.plots import Plot, Series

if TYPE_CHECKING:
    from pathlib import Path


def plot(points: int = 5) -> Plot:
    x = list(range(1, points + 1))
    series = [Series(f"line {n}", x, [n * value % 7 for value in x]) for n in range(1, 4)]
    return Plot("some-plot", "Title", "x", "y", series)


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    first = plot().write(tmp_path / "one").read_bytes()
    again = plot().write(tmp_path / "two").read_bytes()

    assert first == again


def test_other_data_gives_other_bytes(tmp_path: Path) -> None:
    assert plot(5).write(tmp_path).read_bytes() != plot(6).write(tmp_path).read_bytes()


def test_a_plot_has_no_date_and_its_text_is_stored_as_text(tmp_path: Path) -> None:
    svg = plot().write(tmp_path).read_text()

    assert "<dc:date>" not in svg
    assert ">Title</text>" in svg


def test_lines_can_be_distinguished_without_colour(tmp_path: Path) -> None:
    svg = plot().write(tmp_path).read_text()

    assert svg.count("stroke-dasharray") >= 2


def test_a_plot_that_is_too_large_to_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="bytes"):
        plot(20_000).write(tmp_path)
