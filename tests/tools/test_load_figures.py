from __future__ import annotations

import pytest

from tools.load.client import Call, waited_seconds
from tools.load.figures import Machine, descendants, latencies, percentile


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)], ids=["median", "p99", "all", "least"]
)
def test_a_percentile_is_the_least_value_that_this_share_does_not_exceed(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_latencies_are_reported_by_operation_in_milliseconds_with_every_status() -> None:
    calls = [Call("make", 202, 0.010), Call("make", 507, 0.030), Call("see", 200, 0.0014)]
    output = latencies(calls)
    assert {operation: (found["calls"], found["statuses"]) for operation, found in output.items()} == {
        "make": (2, {"202": 1, "507": 1}),
        "see": (1, {"200": 1}),
    }
    assert (output["make"]["median_ms"], output["make"]["p99_ms"]) == (10, 30)
    assert (output["see"]["median_ms"], output["see"]["p99_ms"]) == (1, 1)


def test_the_wait_for_a_turn_is_separated_from_the_rest_of_a_call() -> None:
    calls = [
        Call("make", 202, 0.100, 0.090),
        Call("make", 202, 0.200, 0.050),
        Call("make", 202, 0.300, 0.260),
    ]
    output = latencies(calls)["make"]
    assert (output["waited_median_ms"], output["waited_p99_ms"]) == (90, 260)
    assert (output["served_median_ms"], output["served_p99_ms"]) == (40, 150)


def test_a_call_that_did_not_pass_the_proxy_has_not_waited() -> None:
    assert (waited_seconds(None), waited_seconds("cdn;dur=7"), waited_seconds("turn;dur=12.5")) == (
        0,
        0,
        0.0125,
    )


@pytest.mark.parametrize(
    ("status", "is_fault"), [(0, True), (200, False), (404, False), (502, True), (507, False)]
)
def test_a_507_is_no_fault_and_a_missing_response_is_one(status: int, is_fault: bool) -> None:  # noqa: FBT001 - a case
    assert Call("make", status, 0.0).is_fault is is_fault


def test_the_busy_share_of_a_machine_is_computed_from_all_its_ticks() -> None:
    assert Machine(100, 1_000, 0.0).busy_share_until(Machine(250, 1_200, 1.0)) == 0.75


def test_a_machine_without_counters_has_no_busy_share() -> None:
    assert Machine(None, None, 0.0).busy_share_until(Machine(None, None, 1.0)) is None


def test_a_process_that_does_not_exist_has_no_children() -> None:
    assert descendants(2**31 - 1) in {0, None}
