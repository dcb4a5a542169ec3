"""The contract of a host provider: what the workflows and the audit require of every provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import HoldOutcome, HoldState, every
from tests.contract.providers.benches import BROKEN_HOST, STUCK_HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.port import HostProvider
    from tests.contract.providers.benches import HostBench

REGION = "uk-lon-1"
MINE, OTHERS = "6e1d7a52-0000-4000-8000-000000000001-1780000000", "others-1"


def _hold(provider: HostProvider, holder: str, *hosts: str) -> list[HoldOutcome]:
    outcomes = provider.hold(holder, REGION, hosts)
    return [outcomes[host] for host in hosts]


def _states(provider: HostProvider, holder: str = MINE) -> dict[str, HoldState]:
    return {hold.host_id: hold.state for hold in provider.held(holder)}


def _places(holds: object) -> list[tuple[str, str]]:
    return [(h.holder_id, h.host_id) for h in holds]  # type: ignore[attr-defined]


# Holding


def test_a_host_is_prepared_and_then_held(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.HELD]
    assert _states(provider) == {"host-1": HoldState.PREPARING}
    host_bench.while_a_hold_is_prepared()
    assert _states(provider) == {"host-1": HoldState.HELD}


def test_holding_again_returns_the_same_and_changes_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.HELD]
    host_bench.while_a_hold_is_prepared()
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.HELD]
    assert _states(provider) == {"host-1": HoldState.HELD}


def test_a_host_has_one_holder(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, OTHERS, "host-1")
    assert _hold(provider, MINE, "host-1", "host-2") == [HoldOutcome.OCCUPIED, HoldOutcome.HELD]
    assert list(_states(provider)) == ["host-2"]
    assert list(_states(provider, OTHERS)) == ["host-1"]


def test_a_host_that_cannot_be_used_is_unfit_with_a_reason(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, BROKEN_HOST, "host-1")
    assert set(_states(provider).values()) == {HoldState.PREPARING}
    host_bench.while_a_hold_is_prepared()
    good, broken = sorted(provider.held(MINE), key=lambda hold: hold.host_id != "host-1")
    assert (good.state, good.message) == (HoldState.HELD, "")
    assert broken.state is HoldState.UNFIT
    assert broken.message


def test_a_host_that_hangs_is_in_preparation_however_long_it_takes(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, STUCK_HOST)
    host_bench.days(1)
    assert _states(provider) == {STUCK_HOST: HoldState.PREPARING}


# The fence


def test_after_the_fence_no_host_can_be_held(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.fence(MINE)
    assert _hold(provider, MINE, "host-1", "host-2") == [HoldOutcome.FENCED, HoldOutcome.FENCED]
    assert list(_states(provider)) == ["host-1"]


def test_the_fence_holds_long_after_everything_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.fence(MINE)
    provider.release(MINE, ["host-1"])
    host_bench.days(6)
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.FENCED]
    assert _states(provider) == {}


def test_a_fence_may_be_set_twice_and_before_anything_else(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.fence(MINE)
    provider.fence(MINE)
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.FENCED]


def test_a_fence_does_not_affect_other_holders(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.fence(MINE)
    assert _hold(provider, OTHERS, "host-1") == [HoldOutcome.HELD]


def test_a_fence_releases_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.fence(MINE)
    host_bench.while_a_hold_is_prepared()
    assert _states(provider) == {"host-1": HoldState.HELD}


def test_a_hold_in_progress_when_the_fence_is_set_takes_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: host_bench.provider().fence(MINE))
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.FENCED]
    assert _states(provider) == {}
    assert _hold(provider, OTHERS, "host-1") == [HoldOutcome.HELD]


def test_fenced_is_returned_rather_than_occupied(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, OTHERS, "host-1")
    provider.fence(MINE)
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.FENCED]


def test_a_late_request_does_not_take_a_host_again_that_its_holder_has_released(
    host_bench: HostBench,
) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1", "host-2")
    provider.release(MINE, ["host-1"])
    assert _hold(provider, MINE, "host-1", "host-2") == [HoldOutcome.FENCED, HoldOutcome.HELD]
    host_bench.while_a_hold_goes()
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.FENCED]
    assert list(_states(provider)) == ["host-2"]
    assert _hold(provider, OTHERS, "host-1") == [HoldOutcome.HELD]


def test_many_hosts_are_held_and_released_in_one_call(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    hosts = [f"host-{number:02}" for number in range(60)]
    _hold(provider, OTHERS, "host-30")
    _hold(provider, MINE, "host-31")
    outcomes = provider.hold(MINE, REGION, hosts)
    assert set(outcomes) == set(hosts)
    assert {host for host, found in outcomes.items() if found is not HoldOutcome.HELD} == {"host-30"}
    provider.release(MINE, hosts)
    assert _states(provider) == dict.fromkeys(
        [host for host in hosts if host != "host-30"], HoldState.RELEASING
    )


# Races for a host


def test_of_two_holders_that_want_one_host_concurrently_one_succeeds(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: _hold(provider, OTHERS, "host-1"))
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.OCCUPIED]
    assert _states(provider) == {}
    assert _states(provider, OTHERS) == {"host-1": HoldState.PREPARING}


def test_two_concurrent_requests_of_one_holder_succeed_with_one_hold(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: _hold(provider, MINE, "host-1"))
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.HELD]
    assert _states(provider) == {"host-1": HoldState.PREPARING}


# Releasing


def test_a_hold_is_listed_until_it_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1", "host-2")
    provider.release(MINE, ["host-1"])
    assert _states(provider) == {"host-1": HoldState.RELEASING, "host-2": HoldState.PREPARING}
    host_bench.while_a_hold_goes()
    assert list(_states(provider)) == ["host-2"]


def test_releasing_again_does_not_begin_again(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.release(MINE, ["host-1"])
    provider.release(MINE, ["host-1"])
    assert _states(provider) == {"host-1": HoldState.RELEASING}
    host_bench.while_a_hold_goes()
    assert _states(provider) == {}
    provider.release(MINE, ["host-1"])
    assert _states(provider) == {}


def test_releasing_a_host_that_is_not_held_is_no_error(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.release(MINE, ["host-1"])
    provider.release(MINE, [])
    assert _hold(provider, MINE, "host-1") == [HoldOutcome.HELD]


def test_a_holder_cannot_release_the_host_of_another(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, OTHERS, "host-1")
    provider.release(MINE, ["host-1"])
    host_bench.while_a_hold_is_prepared()
    assert _states(provider, OTHERS) == {"host-1": HoldState.HELD}


def test_a_host_is_free_for_another_holder_exactly_when_the_hold_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.release(MINE, ["host-1"])
    assert _hold(provider, OTHERS, "host-1") == [HoldOutcome.OCCUPIED]
    assert _states(provider) == {"host-1": HoldState.RELEASING}
    host_bench.while_a_hold_goes()
    assert _states(provider) == {}
    assert _hold(provider, OTHERS, "host-1") == [HoldOutcome.HELD]


def test_a_late_release_of_a_hold_that_is_gone_does_not_affect_a_later_holder(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.release(MINE, ["host-1"])
    host_bench.while_a_hold_goes()
    _hold(provider, OTHERS, "host-1")
    provider.release(MINE, ["host-1"])
    host_bench.while_a_hold_is_prepared()
    assert _states(provider, OTHERS) == {"host-1": HoldState.HELD}


def test_a_hold_in_any_state_can_be_released(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    hosts = [BROKEN_HOST, STUCK_HOST, "host-1"]
    _hold(provider, MINE, *hosts)
    host_bench.while_a_hold_is_prepared()
    assert set(_states(provider).values()) == {HoldState.UNFIT, HoldState.HELD, HoldState.PREPARING}
    provider.release(MINE, hosts)
    host_bench.while_a_hold_goes()
    assert _states(provider) == {}


# Listing


def test_without_holds_every_list_is_empty(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert list(provider.held(MINE)) == []
    assert list(provider.held_on(["host-1"])) == []
    assert list(provider.held_on([])) == []
    assert list(every(provider.every_hold)) == []


def test_holds_are_listed_by_holder_in_order_of_host(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-3", "host-1", "host-2")
    _hold(provider, OTHERS, "host-0")
    assert list(_states(provider)) == ["host-1", "host-2", "host-3"]


def test_holds_of_all_holders_are_listed_in_order_of_host(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1", "host-3")
    _hold(provider, OTHERS, "host-2", "host-4")
    found = provider.held_on(["host-3", "host-9", "host-2", "host-1"])
    assert _places(found) == [(MINE, "host-1"), (OTHERS, "host-2"), (MINE, "host-3")]


def test_the_pages_together_have_all_holds_of_all_holders(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    expected = [(f"holder-{n}", f"host-{n}") for n in range(7)]
    for holder, host in expected:
        _hold(provider, holder, host)
        provider.fence(holder)
    assert sorted(_places(every(provider.every_hold))) == expected


def test_the_three_lists_agree_about_a_hold(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    hosts = [BROKEN_HOST, "host-1", "host-2"]
    _hold(provider, MINE, *hosts)
    host_bench.while_a_hold_is_prepared()
    provider.release(MINE, ["host-2"])
    _hold(provider, MINE, "host-3")
    by_holder = provider.held(MINE)
    assert len({hold.state for hold in by_holder}) == 4
    assert list(provider.held_on([*hosts, "host-3"])) == list(by_holder)
    assert sorted(every(provider.every_hold), key=lambda hold: hold.host_id) == list(by_holder)


def test_a_hold_that_is_gone_is_in_no_list(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    provider.release(MINE, ["host-1"])
    for found in (provider.held_on(["host-1"]), list(every(provider.every_hold))):
        assert [hold.state for hold in found] == [HoldState.RELEASING]
    host_bench.while_a_hold_goes()
    assert list(provider.held_on(["host-1"])) == list(every(provider.every_hold)) == []


def test_another_environment_sees_the_same_holds(host_bench: HostBench) -> None:
    _hold(host_bench.provider(), MINE, "host-1")
    assert list(_states(host_bench.provider())) == ["host-1"]


# A provider that does not answer


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.hold(MINE, REGION, ["host-2"]),
        lambda provider: provider.fence(MINE),
        lambda provider: provider.release(MINE, ["host-1"]),
        lambda provider: provider.held(MINE),
        lambda provider: provider.held_on(["host-1"]),
        lambda provider: provider.every_hold(),
    ],
    ids=["hold", "fence", "release", "held", "held_on", "every_hold"],
)
def test_an_unreachable_provider_raises_and_never_reports_that_nothing_is_there(
    host_bench: HostBench, call: Callable[[HostProvider], object]
) -> None:
    provider = host_bench.provider()
    _hold(provider, MINE, "host-1")
    with host_bench.out_of_reach(), pytest.raises(ProviderUnavailable):
        call(provider)
    assert list(_states(provider)) == ["host-1"]
