from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.claim_cost import claim_cost, contended_cost
from benchmarks.contention import alone
from benchmarks.cost import SIZES, one_item_per_unit
from benchmarks.lifecycle import customer_polls, reservation_life
from benchmarks.metering import REFUSED, WriteMeter
from benchmarks.options import Options
from benchmarks.placement_cost import DEPLOY, ROLL, accepted, placement_life, read_of
from benchmarks.prices import Consumption, Prices
from gpu_capacity.dynamodb import keys
from gpu_capacity.reservations.create import create_reservation
from testkit.world import HOLDERS, INVENTORY, World, caller, pod, request

ONE_OF_EACH = Consumption(1, 1, 1, 1, 1)


def prices() -> Prices:
    """Each price is another power of ten, so that no two can be confused."""
    return Prices(
        date="2000-01-01",
        region="nowhere",
        write_unit=1.0,
        read_unit=10.0,
        state_transition=100.0,
        api_request=1_000.0,
        lambda_request=10_000.0,
        lambda_gb_second=1_000_000.0,
        storage_gb_month=0.0,
        api_function_seconds=2.0,
        task_function_seconds=3.0,
        function_gb=0.5,
    )


@pytest.mark.parametrize(
    ("used", "usd"),
    [
        (Consumption(write_units=2), 2),
        (Consumption(read_units=2), 20),
        (Consumption(state_transitions=2), 200),
        (Consumption(api_requests=2), 2 * (1_000 + 10_000 + 2.0 * 0.5 * 1_000_000)),
        (Consumption(task_invocations=2), 2 * (10_000 + 3.0 * 0.5 * 1_000_000)),
    ],
)
def test_each_operation_has_its_price(used: Consumption, usd: float) -> None:
    assert used.usd(prices()) == usd


def test_operations_together_cost_their_sum() -> None:
    both = ONE_OF_EACH + Consumption(write_units=5)

    assert both == Consumption(6, 1, 1, 1, 1)
    assert both.usd(prices()) == ONE_OF_EACH.usd(prices()) + 5


def test_the_price_list_has_a_date_and_the_published_prices() -> None:
    listed = Prices.read()

    assert listed.date
    assert round(listed.write_unit * 1e6, 3) == 0.625
    assert round(listed.read_unit * 1e6, 3) == 0.125
    assert round(listed.state_transition * 1e6, 2) == 25.0
    assert round(listed.api_request * 1e6, 2) == 3.5


@pytest.mark.parametrize("units", SIZES)
def test_a_reservation_costs_the_same_whatever_its_size(units: int) -> None:
    cost = claim_cost(units)

    assert (cost.own, cost.record, cost.index_entries) == (1, 2, 2)
    assert cost.accepted == 5
    assert (cost.with_quota, cost.lost_race) == (8, 2)
    assert (cost.release, cost.release_with_quota) == (4, 7)
    # The quota.
    assert cost.reads_warm == 1
    assert (cost.round_trips, cost.round_trips_with_quota) == (3, 3)


def test_with_a_quota_the_sequence_is_one_transaction_and_single_writes() -> None:
    single, transaction = alone.PUBLISHED_MEDIANS

    assert alone.published_seconds(4) == pytest.approx(3 * single)
    assert alone.published_seconds(4, quota=True) == pytest.approx(transaction + 2 * single)


def test_a_refusal_writes_nothing_and_looks_up_claiming_records_only_if_needed() -> None:
    at_once, looked_up = alone.refusal(since_seconds=alone.SINCE_LONG), alone.refusal(since_seconds=0)

    assert at_once.write_units == looked_up.write_units == 0
    assert at_once.round_trips == 2 < looked_up.round_trips
    assert at_once.read_units < looked_up.read_units


def test_with_one_item_for_each_unit_a_unit_costs_two_and_the_record_two() -> None:
    assert [one_item_per_unit(units) for units in (1, 72)] == [4, 146]


def test_lost_races_are_billed_to_the_successful_requests() -> None:
    contended = contended_cost(4, Options(quick=True))

    assert contended.write_units >= 5
    assert contended.sent >= 1
    assert contended.read_units > 0
    assert 2 < contended.write_units_of_one_sent <= 5


def test_the_meter_agrees_with_the_service_and_counts_refused_writes_separately() -> None:
    world = World(pods=(pod("pod1", 1),))
    stale = world.environment()
    stale.inventory.fresh_snapshot("uk-lon-1", "g.72.gb300.pinned")
    before, meter = world.db.write_units, WriteMeter(world.db)
    create_reservation(world.services, caller(), request(1))
    accepted = Counter(meter.units)

    with pytest.raises(Exception, match="insufficient"):
        create_reservation(stale, caller(), request(1))

    assert accepted == {INVENTORY: 1, HOLDERS: 2, keys.UNSETTLED_INDEX: 1, keys.HELD_INDEX: 1}
    assert meter.units[REFUSED] > 0
    assert meter.total() == world.db.write_units - before


def test_the_cost_of_a_life_is_the_sum_of_its_stages() -> None:
    life = reservation_life(racks=2, hosts=2)

    assert list(life.stages) == ["reserve (POST)", "provision", "delete (DELETE)", "deprovision"]
    assert sum(life.units.values()) == life.whole().write_units
    assert life.units[INVENTORY] == 2, "claimed once and released once, a unit each"
    assert life.executions == 2


def test_a_longer_run_costs_no_more_write_units_in_its_whole_life() -> None:
    small, large = reservation_life(racks=1, hosts=1), reservation_life(racks=4, hosts=1)

    assert small.whole().write_units == large.whole().write_units


def test_polls_are_billed_one_by_one() -> None:
    assert customer_polls(3) == Consumption(read_units=3 * customer_polls(1).read_units, api_requests=3)


def test_a_placement_costs_one_unit_and_one_round_trip_more_than_a_reservation() -> None:
    cost, claim = accepted(), claim_cost(1)

    assert (cost.write_units, cost.write_units_with_quota) == (claim.accepted + 1, claim.with_quota)
    assert cost.round_trips == claim.round_trips + 1


def test_a_get_of_a_placement_reads_its_record_and_what_is_out_of_sale_and_asks_the_provider_once() -> None:
    read = read_of(hosts_per_rack=2)

    assert (read.requests, read.units, read.provider_requests) == (2, 1.5, 1)


def test_many_servers_take_no_more_state_transitions_than_few() -> None:
    few, many = placement_life(hosts_per_rack=1), placement_life(hosts_per_rack=2)

    assert few[DEPLOY].state_transitions == many[DEPLOY].state_transitions
    assert few[ROLL].state_transitions == many[ROLL].state_transitions > few[DEPLOY].state_transitions
