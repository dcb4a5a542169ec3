from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import results
from benchmarks.about import ABOUT
from benchmarks.parts import PARTS, TITLES, Part
from benchmarks.report import Figure, Section, verdicts
from benchmarks.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.options import Options


def section() -> Section:
    made = Section("Cost")
    made.figure("units", "4", "4", met=True)
    made.figure("time", "9 ms", "5 ms", met=False, why="The disk is slow.")
    made.figure("size", "3 MB")
    made.text("Some words.")
    made.table(("a", "b"), [(1, 2)])
    made.plot("growth", "Growth")
    made.values["units"] = 4.0
    return made


def test_each_figure_has_its_goal_a_verdict_and_the_reason_for_a_miss() -> None:
    assert [figure.verdict for figure in section().figures] == ["met", "**short**: The disk is slow.", "—"]
    assert "| time | 9 ms | 5 ms | **short**: The disk is slow. |" in section().markdown()


def test_a_run_shows_all_blocks_and_the_document_only_figures_and_plots() -> None:
    whole, short = section().markdown(), section().summary("About it.")

    assert "Some words.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![Growth](benchmarks/growth.svg)\n" in whole
    assert short.startswith("## Cost\n\nAbout it.\n\n| figure |")
    assert short.endswith("| size | 3 MB | — | — |\n\n![Growth](benchmarks/growth.svg)\n")
    assert "Some words." not in short


def test_details_are_left_to_the_data_unless_they_miss_their_goal() -> None:
    made = Section("Cost")
    made.figure("kept", "1", "1", met=True, detail=True)
    made.figure("missed", "1", "2", met=False, detail=True)

    assert [figure.name for figure in made.figures if figure.is_shown] == ["missed"]
    assert "| missed |" in made.summary("")
    assert "| kept |" not in made.summary("")


def test_a_row_of_another_length_than_the_head_is_refused() -> None:
    with pytest.raises(AssertionError):
        Section("Cost").table(("a", "b"), [(1, 2), (3,)])


def test_the_document_begins_with_the_number_of_missed_goals() -> None:
    assert "1 meet it and 1 fall short" in verdicts([section()])
    assert "0 meet it and 0 fall short" in verdicts([Section("Cost")])


def test_a_section_is_read_as_it_was_saved(tmp_path: Path) -> None:
    results.save(tmp_path, "cost", Result(section(), 1.26, "2026-01-02"))

    assert results.load(tmp_path, "cost") == Result(section(), 1.3, "2026-01-02")


def test_a_part_that_never_ran_has_no_results(tmp_path: Path) -> None:
    assert results.load(tmp_path, "cost") is None
    assert "No results yet of the part `cost`." in results.written_from(tmp_path, TITLES)


def test_the_document_has_a_section_for_every_part(tmp_path: Path) -> None:
    text = results.written_from(tmp_path, TITLES)

    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [p.title for p in PARTS]
    assert list(ABOUT) == list(TITLES)


def test_a_failed_measurement_never_replaces_an_earlier_result(quick: Options) -> None:
    missing = Part("cost", "benchmarks.not_there.part", "Cost")
    results.save(quick.plots, "cost", Result(section(), 1.0, "2026-01-02"))

    said = missing.run(quick)

    assert said == "not measured, the results of 2026-01-02 stay"
    assert results.load(quick.plots, "cost") == Result(section(), 1.0, "2026-01-02")


def test_an_absent_part_says_so(quick: Options) -> None:
    Part("peers", "benchmarks.not_there.part", "Peers").run(quick)
    saved = results.load(quick.plots, "peers")

    assert saved is not None
    assert saved.section.blocks == ["Not measured: this part is not in this checkout."]


def test_a_part_that_lacks_a_library_fails_and_does_not_count_as_absent(
    quick: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "part_without_library.py").write_text("import a_library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError):
        Part("peers", "part_without_library", "Peers").run(quick)


def test_saved_results_are_plain_json(tmp_path: Path) -> None:
    results.save(tmp_path, "cost", Result(section(), 1.0, "2026-01-02"))
    stored = json.loads((tmp_path / "cost.json").read_text())

    assert stored["date"] == "2026-01-02"
    assert Figure(**stored["figures"][0]) == section().figures[0]
