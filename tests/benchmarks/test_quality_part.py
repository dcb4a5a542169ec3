"""The benchmark of placement quality: how it reports a given trace and missed goals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.options import Options
from benchmarks.quality import part
from benchmarks.quality.comparison import Case
from benchmarks.quality.part import IN_ONE_POD, LENGTH, OURS, PODS, why_short
from benchmarks.quality.policies import POLICIES, Layout
from benchmarks.report import Section

if TYPE_CHECKING:
    from pathlib import Path

REGION = Layout.of(PODS, LENGTH)


def swf_of(path: Path, jobs: list[tuple[int, int, int]]) -> Path:
    """A trace of (submitted, seconds, processors), on a machine of two processors for each unit."""
    lines = [f"{n} {at} 0 {run} {size} -1 -1 {size} {run}" for n, (at, run, size) in enumerate(jobs, 1)]
    path.write_text("\n".join([f"; MaxProcs: {2 * PODS * LENGTH}", *lines]) + "\n")
    return path


def case(**shares: float) -> Case:
    """At load 0.8: every policy the same, except those that are named."""
    found = dict.fromkeys(POLICIES, (0.80,)) | {
        name.replace("_", " "): (share,) for name, share in shares.items()
    }
    return Case("powers of two", 0.8, 1.0, found)


def test_a_trace_of_whole_units_is_replayed_at_every_load(tmp_path: Path) -> None:
    jobs = [(10 * n, 100 + n % 7, 2 * (1 + n % 4)) for n in range(120)] + [(1300, 60, 2 * LENGTH + 1)]
    trace = swf_of(tmp_path / "tiny.swf", jobs)
    section = Section("Placement quality")

    part._real_trace(section, REGION, Options(quick=True, trace=trace))

    words, table = section.blocks
    assert isinstance(words, str)
    assert not isinstance(table, str)
    assert words.startswith("tiny.swf: its first 120 jobs, 2 processors to a unit")
    assert "0.8% of the jobs need more than a pod" in words
    assert [row[:2] for row in table["rows"]] == [["tiny.swf", "0.8"], ["tiny.swf", "1.0"]]
    shares = [float(cell) for row in table["rows"] for cell in row[2:]]
    assert all(0 < share <= 1 for share in shares)


@pytest.mark.parametrize("name", [None, "trace.csv"])
def test_without_a_trace_of_whole_units_the_report_says_so(name: str | None, tmp_path: Path) -> None:
    section = Section("Placement quality")

    part._real_trace(section, REGION, Options(trace=tmp_path / name if name else None))

    assert section.blocks == [
        "No trace in the Standard Workload Format was given (`make bench TRACE=….swf`)."
    ]


def test_a_missed_goal_is_not_explained_by_contiguity_if_giving_it_up_misses_it_too() -> None:
    text = why_short(case(**{OURS: 0.954, IN_ONE_POD: 0.949, "buddy": 0.948}))

    assert "which gives up contiguity, reaches 0.949" in text
    assert "buddy, accepts no more: 0.948" in text


def test_a_missed_goal_is_explained_by_contiguity_if_giving_it_up_reaches_it() -> None:
    text = why_short(case(**{OURS: 0.94, IN_ONE_POD: 0.97, "best fit": 0.95}))

    assert "reaches 0.970, so the missing part is the price of contiguity" in text
    assert "best fit, accepts more: 0.950" in text
