"""What the workflows rely on, of any host provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.adapters.simulated_region import SimulatedBehaviour
from gpu_capacity.ports import PinOutcome, Server, ServerState

if TYPE_CHECKING:
    from gpu_capacity.ports import HostProvider
    from tests.contract.provider.conftest import Bench

REGION = "uk-lon-1"
MINE, OTHERS = "mine", "others"


def _pin(provider: HostProvider, holder: str, *hosts: str) -> list[PinOutcome]:
    return [provider.pin(holder, REGION, host) for host in hosts]


def _states(provider: HostProvider, holder: str = MINE) -> dict[str, ServerState]:
    return {server.host_id: server.state for server in provider.servers(holder)}


def test_without_servers_the_list_is_empty(bench: Bench) -> None:
    assert list(bench.provider().servers(MINE)) == []


def test_a_pinned_server_starts_and_is_ready_after_its_time(bench: Bench) -> None:
    provider = bench.provider()
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    bench.clock.advance(19)
    assert list(provider.servers(MINE)) == [Server(MINE, "host-1", ServerState.STARTING)]
    bench.clock.advance(1)
    assert list(provider.servers(MINE)) == [Server(MINE, "host-1", ServerState.READY)]


def test_pinning_again_is_answered_alike_and_does_not_begin_anew(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    bench.clock.advance(19)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    bench.clock.advance(1)
    assert _states(provider) == {"host-1": ServerState.READY}
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    assert _states(provider) == {"host-1": ServerState.READY}


def test_a_host_takes_one_holders_server(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, OTHERS, "host-1")
    assert _pin(provider, MINE, "host-1", "host-2") == [PinOutcome.OCCUPIED, PinOutcome.PINNED]
    assert _states(provider) == {"host-2": ServerState.STARTING}
    assert _states(provider, OTHERS) == {"host-1": ServerState.STARTING}


def test_servers_are_listed_in_the_order_of_their_hosts_and_by_holder(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-3", "host-1", "host-2")
    _pin(provider, OTHERS, "host-0")
    assert list(_states(provider)) == ["host-1", "host-2", "host-3"]


def test_another_provider_on_the_same_hosts_sees_the_same_servers(bench: Bench) -> None:
    _pin(bench.provider(), MINE, "host-1")
    assert _states(bench.provider()) == {"host-1": ServerState.STARTING}


# The fence.


def test_after_the_fence_no_server_is_pinned_any_more(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1", "host-2") == [PinOutcome.FENCED, PinOutcome.FENCED]
    assert list(_states(provider)) == ["host-1"]


def test_the_fence_holds_long_after_everything_is_gone(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    provider.fence(MINE)
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(6 * 24 * 3600)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]
    assert _states(provider) == {}


def test_a_fence_may_be_put_twice_and_before_anything_else(bench: Bench) -> None:
    provider = bench.provider()
    provider.fence(MINE)
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]


def test_a_fence_stops_nobody_else(bench: Bench) -> None:
    provider = bench.provider()
    provider.fence(MINE)
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_a_pin_that_was_under_way_when_the_fence_fell_creates_nothing(bench: Bench) -> None:
    provider = bench.provider()
    bench.before_next_pin(lambda: provider.fence(MINE))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]
    assert _states(provider) == {}
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_fenced_is_told_rather_than_occupied(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, OTHERS, "host-1")
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]


# Races for a host.


def test_of_two_holders_that_pin_one_host_at_once_one_gets_it(bench: Bench) -> None:
    provider = bench.provider()
    bench.before_next_pin(lambda: _pin(provider, OTHERS, "host-1"))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.OCCUPIED]
    assert _states(provider) == {}
    assert _states(provider, OTHERS) == {"host-1": ServerState.STARTING}


def test_of_two_pins_of_one_holder_at_once_both_succeed_with_one_server(bench: Bench) -> None:
    provider = bench.provider()
    bench.before_next_pin(lambda: _pin(provider, MINE, "host-1"))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    assert _states(provider) == {"host-1": ServerState.STARTING}


# Deleting.


def test_a_server_is_listed_until_it_is_gone(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1", "host-2")
    provider.delete(MINE, ["host-1"])
    assert _states(provider) == {"host-1": ServerState.DELETING, "host-2": ServerState.STARTING}
    bench.clock.advance(4)
    assert _states(provider)["host-1"] is ServerState.DELETING
    bench.clock.advance(1)
    assert _states(provider) == {"host-2": ServerState.STARTING}


def test_deleting_again_does_not_begin_anew(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(4)
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(1)
    assert _states(provider) == {}


def test_deleting_what_is_not_there_is_no_error(bench: Bench) -> None:
    provider = bench.provider()
    provider.delete(MINE, ["host-1"])
    provider.delete(MINE, [])
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]


def test_nobody_deletes_the_server_of_another_holder(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, OTHERS, "host-1")
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(60)
    assert _states(provider, OTHERS) == {"host-1": ServerState.READY}


def test_a_host_is_free_for_another_holder_exactly_when_the_server_is_gone(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(4)
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.OCCUPIED]
    assert _states(provider) == {"host-1": ServerState.DELETING}
    bench.clock.advance(1)
    assert _states(provider) == {}
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_a_late_delete_of_a_server_that_is_gone_spares_whoever_came_after(bench: Bench) -> None:
    provider = bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(5)
    _pin(provider, OTHERS, "host-1")
    provider.delete(MINE, ["host-1"])
    bench.clock.advance(60)
    assert _states(provider, OTHERS) == {"host-1": ServerState.READY}


def test_a_server_in_any_state_can_be_deleted(bench: Bench) -> None:
    behaviour = SimulatedBehaviour(
        ready_seconds=20,
        delete_seconds=5,
        failing_hosts=frozenset({"host-1"}),
        stuck_hosts=frozenset({"host-2"}),
    )
    provider = bench.provider(behaviour)
    hosts = ["host-1", "host-2", "host-3"]
    _pin(provider, MINE, *hosts)
    bench.clock.advance(20)
    assert list(_states(provider).values()) == [
        ServerState.FAILED,
        ServerState.STARTING,
        ServerState.READY,
    ]
    provider.delete(MINE, hosts)
    bench.clock.advance(5)
    assert _states(provider) == {}


# How the region behaves is configuration.


@pytest.mark.parametrize("seconds", [0, 1, 300])
def test_servers_take_the_time_that_is_set(bench: Bench, seconds: int) -> None:
    provider = bench.provider(SimulatedBehaviour(ready_seconds=seconds, delete_seconds=seconds))
    _pin(provider, MINE, "host-1")
    bench.clock.advance(seconds)
    assert _states(provider) == {"host-1": ServerState.READY}
    provider.delete(MINE, ["host-1"])
    assert (_states(provider) == {}) == (seconds == 0)
    bench.clock.advance(seconds)
    assert _states(provider) == {}


def test_a_failing_host_says_so_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    provider = bench.provider(SimulatedBehaviour(ready_seconds=20, failing_hosts=frozenset({"host-1"})))
    _pin(provider, MINE, "host-1", "host-2")
    bench.clock.advance(19)
    assert set(_states(provider).values()) == {ServerState.STARTING}
    bench.clock.advance(1)
    broken, good = provider.servers(MINE)
    assert (broken.state, good.state) == (ServerState.FAILED, ServerState.READY)
    assert broken.message
    assert good.message == ""


def test_a_stuck_host_never_comes_up(bench: Bench) -> None:
    provider = bench.provider(SimulatedBehaviour(stuck_hosts=frozenset({"host-1"})))
    _pin(provider, MINE, "host-1")
    bench.clock.advance(365 * 24 * 3600)
    assert _states(provider) == {"host-1": ServerState.STARTING}


@pytest.mark.parametrize(("field", "state"), [("failure_share", "failed"), ("stuck_share", "starting")])
def test_a_share_of_the_hosts_is_hit_and_always_the_same_ones(bench: Bench, field: str, state: str) -> None:
    hosts = [f"host-{number:02}" for number in range(40)]
    half = bench.provider(SimulatedBehaviour(**{field: 0.5}))  # type: ignore[arg-type]
    _pin(half, MINE, *hosts)
    bench.clock.advance(60)
    hit = {host for host, found in _states(half).items() if found == state}
    assert 10 <= len(hit) <= 30
    again = bench.provider(SimulatedBehaviour(**{field: 0.5}))  # type: ignore[arg-type]
    assert {host for host, found in _states(again).items() if found == state} == hit
    every = bench.provider(SimulatedBehaviour(**{field: 1.0}))  # type: ignore[arg-type]
    assert set(_states(every).values()) == {ServerState(state)}
