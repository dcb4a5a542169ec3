"""Results add up, are discarded when the code changes, and become a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from proof import full, interleavings, sections
from proof.campaign import Sum, Workers, schedule_tasks, seed_tasks
from proof.faults import Kind
from proof.interleavings import ALL_TRIPLES, LONG_TRIPLES, PAIRS, TRIPLES
from tools.reporting import page as report
from tools.reporting import results
from tools.reporting.goals import GOALS
from tools.reporting.results import Section, all_sections, load_raw, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_section_is_read_as_it_was_written(tmp_path: Path) -> None:
    save("load", Section("Load", 50, ["Text."], {"clients": 64}, [], "", {"runs": 1}), tmp_path)

    assert load_raw("load", tmp_path) == {"runs": 1}
    assert load_raw("other", tmp_path) == {}
    assert [section.title for section in all_sections(tmp_path).values()] == ["Load"]


def test_results_of_other_code_are_not_added_up(tmp_path: Path) -> None:
    save("load", Section("Load", 50, version="0123456789ab", raw={"runs": 1}), tmp_path)

    assert load_raw("load", tmp_path) == {}


def test_the_page_has_figures_versions_and_links_to_the_data_in_order(tmp_path: Path) -> None:
    for name, order in (("a", 3), ("b", 1), ("c", 2)):
        section = Section(name.upper(), order, ["Words."], {"calls": 1234567}, version=f"v{order}")
        save(name, section, tmp_path)

    page = report.page("", all_sections(tmp_path))
    rows = re.findall(r"^\| (\[.\]\(.*\)) `(v\d)` \| calls \| 1,234,567 \|", page, re.MULTILINE)
    assert rows == [
        ("[B](../proof/results/b.json)", "v1"),
        ("[C](../proof/results/c.json)", "v2"),
        ("[A](../proof/results/a.json)", "v3"),
    ]
    assert page.index("**B.** Words.") < page.index("**A.** Words.")


def test_tables_and_figures_without_a_goal_are_left_to_the_data() -> None:
    section = Section(
        "Planted", 1, figures={"found": 3, "tried": 9}, tables=[{"header": ["bug"], "rows": [["x"]]}]
    )

    page = report.page("", {"bugs": section})
    assert "| found | 3 | all |" in page
    assert "tried" not in page
    assert "| bug |" not in page


def test_figures_with_a_goal_are_those_that_the_simulation_has() -> None:
    assert set(GOALS["simulation"]) <= set(sections.simulation(_simulated()).figures)


def test_text_written_by_hand_stays() -> None:
    before = f"# Proof\n\n{report.BEGIN}| old |\n{report.END}\nBy hand.\n"

    after = report.page(before, {"a": Section("A", 1, figures={"calls": 1})})
    assert after.startswith(f"# Proof\n\n{report.BEGIN}")
    assert after.endswith(f"{report.END}\nBy hand.\n")
    assert "old" not in after


def test_the_page_is_the_one_that_the_results_make() -> None:
    written = report.REPORT.read_text()
    assert written == report.page(written, all_sections())
    assert written.count("\n") <= 160


def test_seeds_continue_where_they_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(full, "load_raw", lambda name: load_raw(name, tmp_path))
    monkeypatch.setattr(full, "load", lambda name: results.load(name, tmp_path))
    monkeypatch.setattr(full, "save", lambda name, section: save(name, section, tmp_path))
    monkeypatch.setattr(report, "write", lambda: None)
    monkeypatch.setattr(full, "SEEDS_A_SAVE", 4)

    for _ in range(2):
        workers = Workers(1, 0)
        # Over after one round: asked before it, at its tasks and after it.
        monkeypatch.setattr(Workers, "is_over", property(partial(_next_of, iter([False, False, True]))))
        full._seeds(workers, 1)

    raw = load_raw("simulation", tmp_path)
    assert raw["seeds"] == 8
    assert raw["counts"]["client operations"] > 8
    assert raw["violated"] == 0
    assert "8 seeds" in capsys.readouterr().out


def _next_of(answers: Iterator[bool], _workers: Workers) -> bool:
    return next(answers)


def test_sums_keep_the_first_problems() -> None:
    total = Sum(1, problems=["a"]) + Sum(2, problems=["b"] * 100)

    assert total.runs == 3
    assert total.problems[:2] == ["a", "b"]
    assert len(total.problems) < 50


def test_tasks_cover_everything_once() -> None:
    seeds = [seed for first, count in seed_tasks(5, 101) for seed in range(first, first + count)]
    assert seeds == list(range(5, 106))

    block = PAIRS[1]
    places = [n for _, first, count in schedule_tasks(block) for n in range(first, first + count)]
    assert places[: block.size] == list(range(block.size))


def test_the_blocks_have_their_declared_size() -> None:
    assert {block.size for block in PAIRS} == {252}
    assert {block.size for block in (*TRIPLES, *ALL_TRIPLES)} == {1680}
    assert {block.size for block in LONG_TRIPLES} == {34650}
    assert len(list(PAIRS[0].schedules())) == len(set(PAIRS[0].schedules())) == 252


def test_every_kind_of_fault_has_a_row() -> None:
    [table] = sections.simulation(_simulated()).tables
    assert [row[0] for row in table["rows"]] == [kind.value for kind in Kind]


def _simulated(seeds: int = 1, operations: int = 1, faulted: int = 1, times: int = 0) -> dict[str, Any]:
    """The sum over seeds of the full form."""
    others = dict.fromkeys(["storage calls", "writes", "executions", "virtual seconds"], 1)
    return {
        "seeds": seeds,
        "counts": {"client operations": operations, "faulted operations": faulted, **others},
        "faults": dict.fromkeys([kind.value for kind in Kind], times),
        "violated": 0,
        "problems": [],
        "seconds": 1,
        "jobs": 1,
        "earlier": 0,
    }


def test_the_report_names_what_is_missing() -> None:
    enough = _simulated(100_000, 1_000_000, 200_000, 1_000)
    assert sections.shortfalls(enough) == []
    assert "not yet" not in sections.simulation(enough).figures

    enough["faults"][Kind.POISON.value] = 999
    assert sections.shortfalls(enough) == [f"999 of 1,000 times {Kind.POISON.value}"]
    [calm] = sections.shortfalls(_simulated(100_000, 1_000_000, 199_999, 1_000))
    assert calm.startswith("199,999 of 1,000,000 operations faulted")
    assert "99,999 of 100,000 seeds" in sections.shortfalls(_simulated(99_999))


def test_a_block_continues_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = PAIRS[0]
    tasks = list(schedule_tasks(block, 100))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(full, "load_raw", lambda name: load_raw(name, tmp_path))
    monkeypatch.setattr(full, "save", lambda name, section: save(name, section, tmp_path))
    monkeypatch.setattr(full, "schedule_tasks", lambda _: iter(tasks))
    monkeypatch.setattr(report, "write", lambda: None)
    monkeypatch.setattr(interleavings, "PAIRS", (block,))
    monkeypatch.setattr(interleavings, "ALL_TRIPLES", ())
    monkeypatch.setattr(interleavings, "LONG_TRIPLES", ())

    done = []
    for answers in ([False, False, True], [False] * 4):
        workers = Workers(1, 0)
        monkeypatch.setattr(Workers, "is_over", property(partial(_next_of, iter(answers))))
        full._schedules(workers)
        done.append(load_raw("interleavings", tmp_path)["blocks"][block.full_title])

    assert done == [100, block.size]
    [section] = all_sections(tmp_path).values()
    assert section.figures["2 x 5 turns, groups with all 252 schedules"] == "1 of 1"


def test_saved_results_are_reported_with_the_current_texts() -> None:
    made = replace(sections.simulation(_simulated(seeds=7)), version="0123456789ab")
    saved = replace(made, text=["Old."], tables=[])

    assert sections.in_words_of_today("simulation", saved) == made
    assert sections.in_words_of_today("load", saved) == saved


def test_an_unfinished_story_is_reported() -> None:
    raw: dict[str, Any] = {
        "effects": {"a": ["f"], "b": ["f"], "c": ["f"]},
        "single": {"a": 3, "b": 2},
        "double": {},
        "parts_done": {"single": {"a": 12, "b": 5}, "double": {}},
        "violated": 0,
        "problems": [],
    }
    rows = sections.crashes(raw).tables[0]["rows"]
    assert [row[2:] for row in rows] == [
        [3, "not yet"],
        ["2, not all yet", "not yet"],
        ["not yet", "not yet"],
    ]


def test_the_version_covers_all_that_the_simulation_imports() -> None:
    """Modules of the test kit that a process has which imports the simulation and nothing else."""
    program = (
        "import sys, proof.full; from proof.campaign import run_seeds; run_seeds(0, 3);"
        "print(*sorted(name for name in sys.modules if name.startswith('testkit.')), sep='\\n')"
    )
    run = subprocess.run(  # noqa: S603 - this interpreter, this program
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(results.ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    judges = [results.ROOT / name for name in results._JUDGES]
    for module in run.stdout.split():
        path = results.ROOT / f"{module.replace('.', '/')}.py"
        if path.is_file():
            assert any(judge == path or judge in path.parents for judge in judges), module


@pytest.mark.parametrize(
    ("file", "of_simulation", "of_service"),
    [
        ("layers/shared/gpu_capacity/reservations/claiming.py", True, True),
        ("layers/shared/gpu_capacity/http/shapes.py", False, True),
        ("functions/get_vm/handler.py", True, True),
        ("testkit/dynamodb/tables.py", True, False),
        ("proof/turns.py", True, False),
        ("testkit/auditor/claims.py", True, False),
        ("testkit/hostile/bad.py", False, False),
        ("tools/reporting/page.py", False, False),
        ("tests/holders/test_claim.py", False, False),
    ],
)
def test_a_version_changes_with_the_code_that_results_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, *, of_simulation: bool, of_service: bool
) -> None:
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "_NOT_RUN", {tmp_path / "layers/shared/gpu_capacity/http"})
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    versions = set()
    for text in ("one", "two"):
        path.write_text(text)
        versions.add((results.code_version.__wrapped__(), results.service_version.__wrapped__()))
    assert len({simulated for simulated, _ in versions}) == 1 + of_simulation
    assert len({called for _, called in versions}) == 1 + of_service
