"""Benchmarks that measure real time: the tests check the counts, not the measurements."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import cold_start, decision_time, warm_path
from benchmarks.cold_start import (
    GOAL_MS,
    Import,
    handlers,
    import_of,
    is_api,
    layer_bytes,
    slowest_confirmed,
)
from benchmarks.decision_time import region
from benchmarks.first_request import first_request
from benchmarks.options import ROOT
from gpu_capacity.http.operations import OPERATIONS

if TYPE_CHECKING:
    from benchmarks.options import Options


def test_every_function_has_an_import_time() -> None:
    assert set(handlers()) == {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}


def test_operations_are_distinguished_from_tasks() -> None:
    answering = {name for name, folder in handlers().items() if is_api(folder)}

    assert {operation.function for operation in OPERATIONS.values()} <= answering
    assert {"sync_inventory", "reservation_steps", "reconcile_holders"}.isdisjoint(answering)


def test_an_import_is_shown_with_all_that_it_imports() -> None:
    small, large = import_of("decimal"), import_of("boto3")

    assert 0 < small.shown < large.shown
    assert 0 < small.processor < large.processor


def test_a_handler_that_is_not_precompiled_takes_longer() -> None:
    folder = handlers()["get_version"]

    assert cold_start.uncompiled_ms(folder, times=1) > import_of("handler", folder).processor


def test_the_product_is_compiled_before_it_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "functions").mkdir()
    handler = tmp_path / "functions" / "handler.py"
    handler.write_text("")
    monkeypatch.setattr(cold_start, "ROOT", tmp_path)
    monkeypatch.setattr(cold_start, "LAYER", tmp_path / "functions")

    cold_start.compile_all()

    assert Path(cache_from_source(str(handler))).exists()


def test_the_first_request_takes_longer_than_the_second_and_succeeds() -> None:
    taken = first_request("list_reservations", handlers()["list_reservations"], times=1)

    assert taken.status == HTTPStatus.OK
    assert taken.first > taken.second > 0


def test_the_layer_s_size_includes_its_libraries_and_the_product() -> None:
    sizes = layer_bytes()

    assert sizes["boto3"] > 0
    assert sizes["gpu_capacity"] > 0


def test_the_quick_form_of_the_cold_start_names_its_goal(quick: Options) -> None:
    section = cold_start.measure(quick)

    assert section.figures[0].anchor == f"{GOAL_MS:.0f} ms"


def test_the_slowest_import_is_the_one_that_is_slowest_in_every_run() -> None:
    taken = {name: Import(ms, ms) for name, ms in (("a", 90.0), ("b", 80.0), ("c", 70.0), ("d", 10.0))}
    again = {"a": Import(50.0, 60.0), "b": Import(95.0, 95.0)}

    slowest = slowest_confirmed(taken, ["a", "b", "c"], lambda name: {name: again[name], "d": Import(9, 11)})

    assert slowest == "b"
    assert taken == {"a": Import(50, 60), "b": Import(80, 80), "c": Import(70, 70), "d": Import(9, 10)}


def test_a_warm_create_is_three_writes_and_a_read_of_the_quota_and_a_refusal_reads() -> None:
    assert warm_path.requests_when_warm() == {"put_item": 2, "update_item": 1, "get_item": 1}
    assert warm_path.requests_of_a_refusal() == {"query": 1, "get_item": 1}


def test_own_time_excludes_time_in_the_client(quick: Options) -> None:
    section = warm_path.measure(quick)

    assert section.figures[0].met
    assert len(section.blocks) == 2


@pytest.mark.parametrize("load", [0.0, 0.5, 0.9])
def test_a_region_is_filled_to_about_the_requested_share(load: float) -> None:
    line = region(20, 72, load)

    assert line.free.bit_count() / (20 * 72) == pytest.approx(1 - load, abs=0.1)


@pytest.mark.parametrize("load", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("count", [1, 3, 8, 73])
def test_the_reference_of_the_decision_time_finds_a_shortest_run(load: float, count: int) -> None:
    line = region(4, 72, load)
    pods = decision_time.units_of(line)
    runs = {
        (place, match.start()): len(match.group())
        for place, units in enumerate(pods)
        for match in re.finditer(rb"\x01+", units)
    }
    assert sum(map(sum, pods)) == line.free.bit_count()
    long_enough = [length for length in runs.values() if length >= count]
    found = decision_time.best_fit_by_units(pods, count)
    assert (found is None) == (not long_enough)
    assert found is None or runs[found] == min(long_enough)


def test_the_quick_form_of_the_decision_time_draws_its_plots(quick: Options) -> None:
    section = decision_time.measure(quick)

    assert {path.name for path in quick.plots.iterdir()} == {"decision-time.svg", "decision-time-by-size.svg"}
    assert section.figures
