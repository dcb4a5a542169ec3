from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import scale
from benchmarks.parts import named
from benchmarks.prices import Prices
from benchmarks.scale import PATH, PODS, Limit, Load, Sizes, dynamodb_limits, other_limits

if TYPE_CHECKING:
    from benchmarks.options import Options

COST = {
    "claim.record": 3.0,
    "life.inventory": 2.0,
    "life.holders": 6.0,
    "life.unsettled": 4.0,
    "life.held": 2.0,
    "life.reads": 46.0,
    "life.transitions": 41.0,
    "life.tasks": 19.0,
    "life.api": 2.0,
    "life.executions": 2.0,
    "get.reads": 5.0,
}
OF_RECORDS = COST["life.holders"] + COST["life.unsettled"] + COST["life.held"]
SIZE = Sizes(record=500, full_pod=4096, shape=1000)
PUBLISHED = json.loads(PATH.read_text())
UNCONTENDED = Load(
    pod_units=1.0, record_units=3.0, release_units=1.0, rereads=0.0, accepted_per_second=1000.0, wasted=0.0
)


def test_a_limit_is_reached_where_the_demand_equals_it() -> None:
    assert Limit("units", per_claim=4.0, limit=1000.0, change="").met_at == 250.0
    assert Limit("units", per_claim=0.0, limit=1000.0, change="").met_at == math.inf


def test_the_limit_that_is_reached_first_comes_first() -> None:
    limits = dynamodb_limits(COST, UNCONTENDED, SIZE, PUBLISHED)

    assert [each.met_at for each in limits] == sorted(each.met_at for each in limits)
    assert limits[0].name.startswith("write units of a holders table that is new")
    assert limits[0].met_at == 4000 / (OF_RECORDS)
    assert limits[1].name.startswith("write units of the partition with all pods")
    assert limits[1].met_at == 1000 / COST["life.inventory"]


def test_lost_races_lower_the_load_at_which_each_limit_is_reached() -> None:
    contended = replace(UNCONTENDED, pod_units=3.0, record_units=5.0, rereads=0.5, wasted=2.0)
    before = {each.name: each.met_at for each in dynamodb_limits(COST, UNCONTENDED, SIZE, PUBLISHED)}
    after = {each.name: each.met_at for each in dynamodb_limits(COST, contended, SIZE, PUBLISHED)}

    assert before.keys() == after.keys()
    assert all(after[name] <= before[name] for name in before)
    assert after["write units of one pod"] == pytest.approx(PODS * 1000 / (COST["life.inventory"] + 2))
    of_records = "write units of the holders table, with its indexes"
    assert after[of_records] == pytest.approx(40_000 / (OF_RECORDS + 2))


def test_a_snapshot_bills_the_sum_of_all_pods() -> None:
    assert SIZE.snapshot_read_units(3) == 3
    assert Sizes(record=1, full_pod=100, shape=1).snapshot_read_units(41) == 2


def test_other_services_have_limits_too() -> None:
    limits = {each.name: each for each in other_limits(COST, PUBLISHED, Prices.read())}

    assert limits["Step Functions: executions started a second"].met_at == 150.0
    assert len(limits) == 4


def test_a_full_pod_of_racks_stays_below_what_two_units_write() -> None:
    assert 1024 < scale.sizes().full_pod < 2048


def test_the_page_is_computed_from_the_results_of_the_cost_part(quick: Options) -> None:
    without = scale.measure(quick)
    named("cost").run(quick)
    computed = scale.measure(quick)

    assert not without.measured
    assert computed.measured
    assert computed.figures[0].name.startswith("first limit of DynamoDB")
