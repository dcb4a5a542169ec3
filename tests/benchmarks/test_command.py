from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as command
from benchmarks import results
from benchmarks.options import RESULTS
from benchmarks.parts import PARTS, TITLES
from benchmarks.plots import SVG_BYTES_MAX

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = re.compile(r"!\[[^]]*\]\(benchmarks/([a-z0-9-]+\.svg)\)")


def test_running_one_part_leaves_the_results_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--quick", "--part", "cost", "--part", "scale"], folder=tmp_path) == 0
    written = (tmp_path / "benchmarks.md").read_text()

    assert {path.name for path in (tmp_path / "benchmarks").iterdir()} == {"cost.json", "scale.json"}
    assert "[Data](benchmarks/cost.json)" in written
    assert " ".join(written.split()).count("No results yet") == len(PARTS) - 2
    printed = capsys.readouterr().out
    assert "## Cost" in printed
    assert "## Contention" not in printed


def test_the_document_can_be_written_from_saved_results_without_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks").mkdir()

    assert command.main(["--document"], folder=tmp_path) == 0

    assert "No results yet" in (tmp_path / "benchmarks.md").read_text()
    assert capsys.readouterr().out == ""


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit):
        command.main(["--part", "nothing"])


def test_the_committed_document_matches_the_committed_results() -> None:
    written = (RESULTS.parent / "benchmarks.md").read_text()

    assert written == results.written_from(RESULTS, TITLES)
    assert written.count("\n") <= 160


def test_every_part_has_been_run() -> None:
    assert [part.name for part in PARTS if results.load(RESULTS, part.name) is None] == []


def test_every_plot_is_shown_and_small_enough_to_commit() -> None:
    shown = set(PICTURE.findall((RESULTS.parent / "benchmarks.md").read_text()))
    drawn = {path.name: path.stat().st_size for path in RESULTS.glob("*.svg")}

    assert shown == set(drawn)
    assert shown
    assert max(drawn.values()) <= SVG_BYTES_MAX


def test_results_contain_no_path_of_the_machine_that_made_them() -> None:
    texts = [path.read_text() for path in (*RESULTS.glob("*.json"), RESULTS.parent / "benchmarks.md")]

    assert not any(
        os.sep + name + os.sep in text for text in texts for name in ("home", "tmp", "work", "root")
    )
