"""The contract of a host provider: what the workflows and the audit require of every provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import PinOutcome, Server, ServerState
from tests.contract.providers.benches import BROKEN_HOST, STUCK_HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.port import HostProvider
    from tests.contract.providers.benches import HostBench

REGION = "uk-lon-1"
MINE, OTHERS = "6e1d7a52-0000-4000-8000-000000000001-1780000000", "others-1"


def _pin(provider: HostProvider, holder: str, *hosts: str) -> list[PinOutcome]:
    return [provider.pin(holder, REGION, host) for host in hosts]


def _states(provider: HostProvider, holder: str = MINE) -> dict[str, ServerState]:
    return {server.host_id: server.state for server in provider.servers(holder)}


def _places(servers: object) -> list[tuple[str, str]]:
    return [(s.holder_id, s.host_id) for s in servers]  # type: ignore[attr-defined]


def every_server(provider: HostProvider) -> list[Server]:
    """All pages."""
    found: list[Server] = []
    page = provider.every_server()
    found.extend(page.entries)
    while page.after is not None:
        page = provider.every_server(page.after)
        found.extend(page.entries)
    return found


# Pinning


def test_a_pinned_server_starts_and_comes_up(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    assert _states(provider) == {"host-1": ServerState.STARTING}
    host_bench.while_a_server_comes_up()
    assert _states(provider) == {"host-1": ServerState.READY}


def test_pinning_again_returns_the_same_and_changes_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    host_bench.while_a_server_comes_up()
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    assert _states(provider) == {"host-1": ServerState.READY}


def test_a_host_accepts_the_server_of_one_holder(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, OTHERS, "host-1")
    assert _pin(provider, MINE, "host-1", "host-2") == [PinOutcome.OCCUPIED, PinOutcome.PINNED]
    assert list(_states(provider)) == ["host-2"]
    assert list(_states(provider, OTHERS)) == ["host-1"]


def test_a_server_that_cannot_come_up_is_failed_with_a_reason(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, BROKEN_HOST, "host-1")
    assert set(_states(provider).values()) == {ServerState.STARTING}
    host_bench.while_a_server_comes_up()
    good, broken = sorted(provider.servers(MINE), key=lambda server: server.host_id != "host-1")
    assert (good.state, good.message) == (ServerState.READY, "")
    assert broken.state is ServerState.FAILED
    assert broken.message


def test_a_server_that_hangs_is_starting_however_long_it_takes(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, STUCK_HOST)
    host_bench.days(1)
    assert _states(provider) == {STUCK_HOST: ServerState.STARTING}


# The fence


def test_after_the_fence_no_server_can_be_pinned(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1", "host-2") == [PinOutcome.FENCED, PinOutcome.FENCED]
    assert list(_states(provider)) == ["host-1"]


def test_the_fence_holds_long_after_everything_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.fence(MINE)
    provider.delete(MINE, ["host-1"])
    host_bench.days(6)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]
    assert _states(provider) == {}


def test_a_fence_may_be_set_twice_and_before_anything_else(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.fence(MINE)
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]


def test_a_fence_does_not_affect_other_holders(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.fence(MINE)
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_a_fence_removes_no_server(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.fence(MINE)
    host_bench.while_a_server_comes_up()
    assert _states(provider) == {"host-1": ServerState.READY}


def test_a_pin_in_progress_when_the_fence_is_set_creates_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: host_bench.provider().fence(MINE))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]
    assert _states(provider) == {}
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_fenced_is_returned_rather_than_occupied(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, OTHERS, "host-1")
    provider.fence(MINE)
    assert _pin(provider, MINE, "host-1") == [PinOutcome.FENCED]


# Races for a host


def test_of_two_holders_that_pin_one_host_concurrently_one_succeeds(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: _pin(provider, OTHERS, "host-1"))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.OCCUPIED]
    assert _states(provider) == {}
    assert _states(provider, OTHERS) == {"host-1": ServerState.STARTING}


def test_two_concurrent_pins_of_one_holder_succeed_with_one_server(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    host_bench.before_the_next_change(lambda: _pin(provider, MINE, "host-1"))
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]
    assert _states(provider) == {"host-1": ServerState.STARTING}


# Deleting


def test_a_server_is_listed_until_it_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1", "host-2")
    provider.delete(MINE, ["host-1"])
    assert _states(provider) == {"host-1": ServerState.DELETING, "host-2": ServerState.STARTING}
    host_bench.while_a_server_goes()
    assert list(_states(provider)) == ["host-2"]


def test_deleting_again_does_not_restart_the_deletion(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    provider.delete(MINE, ["host-1"])
    assert _states(provider) == {"host-1": ServerState.DELETING}
    host_bench.while_a_server_goes()
    assert _states(provider) == {}
    provider.delete(MINE, ["host-1"])
    assert _states(provider) == {}


def test_deleting_an_absent_server_is_no_error(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.delete(MINE, ["host-1"])
    provider.delete(MINE, [])
    assert _pin(provider, MINE, "host-1") == [PinOutcome.PINNED]


def test_a_holder_cannot_delete_the_server_of_another(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, OTHERS, "host-1")
    provider.delete(MINE, ["host-1"])
    host_bench.while_a_server_comes_up()
    assert _states(provider, OTHERS) == {"host-1": ServerState.READY}


def test_a_host_is_free_for_another_holder_exactly_when_the_server_is_gone(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.OCCUPIED]
    assert _states(provider) == {"host-1": ServerState.DELETING}
    host_bench.while_a_server_goes()
    assert _states(provider) == {}
    assert _pin(provider, OTHERS, "host-1") == [PinOutcome.PINNED]


def test_a_late_delete_of_a_server_that_is_gone_does_not_affect_a_later_holder(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    host_bench.while_a_server_goes()
    _pin(provider, OTHERS, "host-1")
    provider.delete(MINE, ["host-1"])
    host_bench.while_a_server_comes_up()
    assert _states(provider, OTHERS) == {"host-1": ServerState.READY}


def test_a_server_in_any_state_can_be_deleted(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    hosts = [BROKEN_HOST, STUCK_HOST, "host-1"]
    _pin(provider, MINE, *hosts)
    host_bench.while_a_server_comes_up()
    assert sorted(_states(provider).values()) == [
        ServerState.FAILED,
        ServerState.READY,
        ServerState.STARTING,
    ]
    provider.delete(MINE, hosts)
    host_bench.while_a_server_goes()
    assert _states(provider) == {}


# Listing


def test_without_servers_every_list_is_empty(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert list(provider.servers(MINE)) == []
    assert list(provider.servers_on(["host-1"])) == []
    assert list(provider.servers_on([])) == []
    assert every_server(provider) == []


def test_servers_are_listed_by_holder_in_order_of_host(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-3", "host-1", "host-2")
    _pin(provider, OTHERS, "host-0")
    assert list(_states(provider)) == ["host-1", "host-2", "host-3"]


def test_servers_of_all_holders_are_listed_in_order_of_host(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1", "host-3")
    _pin(provider, OTHERS, "host-2", "host-4")
    found = provider.servers_on(["host-3", "host-9", "host-2", "host-1"])
    assert _places(found) == [(MINE, "host-1"), (OTHERS, "host-2"), (MINE, "host-3")]


def test_the_pages_together_have_all_servers_of_all_holders(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    expected = [(f"holder-{n}", f"host-{n}") for n in range(7)]
    for holder, host in expected:
        _pin(provider, holder, host)
        provider.fence(holder)
    assert sorted(_places(every_server(provider))) == expected


def test_the_three_lists_agree_about_a_server(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    hosts = [BROKEN_HOST, "host-1", "host-2"]
    _pin(provider, MINE, *hosts)
    host_bench.while_a_server_comes_up()
    provider.delete(MINE, ["host-2"])
    _pin(provider, MINE, "host-3")
    by_holder = provider.servers(MINE)
    assert len({server.state for server in by_holder}) == 4
    assert list(provider.servers_on([*hosts, "host-3"])) == list(by_holder)
    assert sorted(every_server(provider), key=lambda server: server.host_id) == list(by_holder)


def test_a_server_that_is_gone_is_in_no_list(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    provider.delete(MINE, ["host-1"])
    for found in (provider.servers_on(["host-1"]), every_server(provider)):
        assert [server.state for server in found] == [ServerState.DELETING]
    host_bench.while_a_server_goes()
    assert list(provider.servers_on(["host-1"])) == every_server(provider) == []


def test_another_environment_sees_the_same_servers(host_bench: HostBench) -> None:
    _pin(host_bench.provider(), MINE, "host-1")
    assert list(_states(host_bench.provider())) == ["host-1"]


# A provider that does not answer


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.pin(MINE, REGION, "host-2"),
        lambda provider: provider.fence(MINE),
        lambda provider: provider.delete(MINE, ["host-1"]),
        lambda provider: provider.servers(MINE),
        lambda provider: provider.servers_on(["host-1"]),
        lambda provider: provider.every_server(),
    ],
    ids=["pin", "fence", "delete", "servers", "servers_on", "every_server"],
)
def test_an_unreachable_provider_raises_and_never_reports_that_nothing_is_there(
    host_bench: HostBench, call: Callable[[HostProvider], object]
) -> None:
    provider = host_bench.provider()
    _pin(provider, MINE, "host-1")
    with host_bench.out_of_reach(), pytest.raises(ProviderUnavailable):
        call(provider)
    assert list(_states(provider)) == ["host-1"]
