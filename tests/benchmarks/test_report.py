from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import results
from benchmarks.parts import PARTS, TITLES, Part
from benchmarks.report import Figure, Section, document, table
from benchmarks.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.options import Options


def section() -> Section:
    made = Section("Cost")
    made.figure("units", "4", "4", met=True)
    made.figure("time", "9 ms", "5 ms", met=False)
    made.figure("size", "3 MB")
    made.text("Some words.")
    made.table(("a", "b"), [(1, 2)])
    made.values["units"] = 4.0
    return made


def test_each_figure_stands_beside_its_anchor_with_a_verdict() -> None:
    assert [figure.verdict for figure in section().figures] == ["met", "**short**", "—"]
    assert "| time | 9 ms | 5 ms | **short** |" in section().markdown()


def test_a_row_of_another_length_than_the_head_is_refused() -> None:
    with pytest.raises(AssertionError):
        table(("a", "b"), [(1, 2), (3,)])


def test_the_document_begins_with_what_falls_short() -> None:
    text = document([section()], "Preface.")

    assert "1 meet it and 1 fall short:\n\n- Cost: time, 9 ms (anchor 5 ms)\n" in text


def test_the_document_says_so_when_nothing_falls_short() -> None:
    assert "0 meet it and 0 fall short.\n" in document([Section("Cost")], "Preface.")


def test_a_section_survives_being_saved(tmp_path: Path) -> None:
    results.save(tmp_path, "cost", Result(section(), 1.26, "2026-01-02"))

    assert results.load(tmp_path, "cost") == Result(section(), 1.3, "2026-01-02")


def test_what_never_ran_has_no_results(tmp_path: Path) -> None:
    assert results.load(tmp_path, "cost") is None
    assert "Not measured yet (`make bench ARGS='--part cost'`)." in results.written_from(tmp_path, TITLES)


def test_the_document_has_a_section_for_every_part(tmp_path: Path) -> None:
    text = results.written_from(tmp_path, TITLES)

    assert [line[3:] for line in text.splitlines() if line.startswith("## ")][:-1] == [p.title for p in PARTS]


def test_what_could_not_be_measured_never_replaces_what_once_was(quick: Options) -> None:
    missing = Part("cost", "benchmarks.not_there.part", "Cost")
    results.save(quick.plots, "cost", Result(section(), 1.0, "2026-01-02"))

    said = missing.run(quick)

    assert said == "not measured, the results of 2026-01-02 stay"
    assert results.load(quick.plots, "cost") == Result(section(), 1.0, "2026-01-02")


def test_a_part_that_is_not_there_says_so(quick: Options) -> None:
    Part("peers", "benchmarks.not_there.part", "Peers").run(quick)
    saved = results.load(quick.plots, "peers")

    assert saved is not None
    assert saved.section.blocks == ["Not measured: this part is not in this checkout."]


def test_a_part_that_lacks_a_library_fails_and_does_not_pass_for_absent(
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
