"""The contract of a VM provider: what the workflows and the audit require of every provider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import StartOutcome, Usage, VmOrder, VmServerState, every
from tests.contract.providers.benches import BROKEN_HOST, STUCK_HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.port import VmProvider
    from tests.contract.providers.benches import VmBench

VM = "6e1d7a52-0000-4000-8000-000000000001"
MINE, AGAIN, OTHERS = f"{VM}-1", f"{VM}-2", "others-1"
ORDER = VmOrder(
    owner=MINE,
    vm_id=VM,
    region_id="eu-ams-1",
    host_id="node-1",
    gpus=0b0011,
    storage_gb=100,
    template_vmid=9000,
    ssh_public_key="ssh-ed25519 AAAA",
    password_hash=None,
)


def _other(gpus: int, owner: str = OTHERS, host_id: str = "node-1") -> VmOrder:
    return replace(ORDER, owner=owner, vm_id=owner.rpartition("-")[0], gpus=gpus, host_id=host_id)


def _state(provider: VmProvider, owner: str = MINE) -> VmServerState | None:
    server = provider.server(owner)
    return server.state if server is not None else None


# Starting


def test_a_server_starts_and_comes_up_with_an_address(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    assert provider.start(ORDER) is StartOutcome.STARTED
    starting = provider.server(MINE)
    assert starting is not None
    assert (starting.state, starting.ip_address) == (VmServerState.STARTING, None)
    assert (starting.owner, starting.host_id, starting.gpus) == (MINE, "node-1", 0b0011)
    vm_bench.while_a_server_comes_up()
    ready = provider.server(MINE)
    assert ready is not None
    assert ready.state is VmServerState.READY
    assert ready.ip_address


def test_starting_again_returns_the_same_and_changes_nothing(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    assert provider.start(ORDER) is StartOutcome.STARTED
    vm_bench.while_a_server_comes_up()
    before = provider.server(MINE)
    assert provider.start(ORDER) is StartOutcome.STARTED
    assert provider.server(MINE) == before


@pytest.mark.parametrize(("gpus", "outcome"), [(0b0110, "occupied"), (0b1100, "started")])
def test_a_gpu_serves_one_server(vm_bench: VmBench, gpus: int, outcome: str) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    assert provider.start(_other(gpus)).value == outcome
    assert (provider.server(OTHERS) is not None) == (outcome == "started")
    assert provider.start(_other(0b0011, "thirds-1", host_id="node-2")) is StartOutcome.STARTED


def test_a_server_that_cannot_come_up_is_failed_with_a_reason(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(replace(ORDER, host_id=BROKEN_HOST))
    vm_bench.while_a_server_comes_up()
    server = provider.server(MINE)
    assert server is not None
    assert (server.state, server.ip_address) == (VmServerState.FAILED, None)
    assert server.message


def test_a_server_that_hangs_is_starting_however_long_it_takes(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(replace(ORDER, host_id=STUCK_HOST))
    vm_bench.days(1)
    assert _state(provider) is VmServerState.STARTING


# The fence


def test_after_the_fence_its_run_cannot_be_started_and_another_run_can(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.fence(MINE)
    provider.fence(MINE)
    assert provider.start(ORDER) is StartOutcome.FENCED
    assert provider.server(MINE) is None
    assert provider.start(replace(ORDER, owner=AGAIN)) is StartOutcome.STARTED


def test_the_fence_holds_long_after_everything_is_gone(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.fence(MINE)
    provider.stop(MINE)
    vm_bench.days(6)
    assert provider.start(ORDER) is StartOutcome.FENCED
    assert provider.server(MINE) is None


def test_a_fence_removes_no_server(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.fence(MINE)
    vm_bench.while_a_server_comes_up()
    assert _state(provider) is VmServerState.READY


def test_a_start_in_progress_when_the_fence_is_set_creates_nothing(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    vm_bench.before_the_next_change(lambda: vm_bench.provider().fence(MINE))
    assert provider.start(ORDER) is StartOutcome.FENCED
    assert provider.server(MINE) is None
    assert provider.is_vacant("node-1", 0xFF)
    assert not provider.has_disk(VM)


def test_fenced_is_returned_rather_than_occupied(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(_other(0b0011))
    provider.fence(MINE)
    assert provider.start(ORDER) is StartOutcome.FENCED


# Races for GPUs


def test_of_two_concurrent_runs_that_want_a_gpu_one_gets_it(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    vm_bench.before_the_next_change(lambda: vm_bench.provider().start(_other(0b0110)))
    assert provider.start(ORDER) is StartOutcome.OCCUPIED
    assert provider.server(MINE) is None
    assert _state(provider, OTHERS) is VmServerState.STARTING
    assert provider.is_vacant("node-1", 0b0001)


def test_two_concurrent_starts_of_one_run_succeed_with_one_server(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    vm_bench.before_the_next_change(lambda: vm_bench.provider().start(ORDER))
    assert provider.start(ORDER) is StartOutcome.STARTED
    assert [server.owner for server in every(provider.every_server)] == [MINE]


# Stopping


def test_a_server_is_listed_until_it_is_gone(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.stop(MINE)
    assert _state(provider) is VmServerState.DELETING
    vm_bench.while_a_server_goes()
    assert provider.server(MINE) is None


def test_stopping_again_does_not_restart_the_stop(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.stop(MINE)
    provider.stop(MINE)
    vm_bench.while_a_server_goes()
    assert provider.server(MINE) is None
    provider.stop(MINE)
    assert provider.server(MINE) is None


def test_stopping_an_absent_server_is_no_error(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.stop(MINE)
    assert provider.start(ORDER) is StartOutcome.STARTED


def test_gpus_are_free_for_another_run_exactly_when_the_server_is_gone(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.stop(MINE)
    assert provider.start(_other(0b0011)) is StartOutcome.OCCUPIED
    assert not provider.is_vacant("node-1", 0b0011)
    vm_bench.while_a_server_goes()
    assert provider.is_vacant("node-1", 0b0011)
    assert provider.start(_other(0b0011)) is StartOutcome.STARTED


def test_a_late_stop_of_a_run_that_is_over_does_not_affect_a_later_holder(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.stop(MINE)
    vm_bench.while_a_server_goes()
    provider.start(replace(ORDER, owner=AGAIN))
    provider.stop(MINE)
    vm_bench.while_a_server_comes_up()
    assert _state(provider, AGAIN) is VmServerState.READY


@pytest.mark.parametrize("host", [BROKEN_HOST, STUCK_HOST, "node-1"])
def test_a_server_in_any_state_can_be_stopped(vm_bench: VmBench, host: str) -> None:
    provider = vm_bench.provider()
    provider.start(replace(ORDER, host_id=host))
    vm_bench.while_a_server_comes_up()
    provider.stop(MINE)
    vm_bench.while_a_server_goes()
    assert provider.server(MINE) is None


# Disks


def test_the_disk_is_created_with_the_first_server_and_outlives_it(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    assert not provider.has_disk(VM)
    provider.start(ORDER)
    provider.fence(MINE)
    provider.stop(MINE)
    vm_bench.while_a_server_goes()
    assert provider.has_disk(VM)
    assert provider.start(replace(ORDER, owner=AGAIN, ssh_public_key=None)) is StartOutcome.STARTED
    assert provider.has_disk(VM)


def test_deleting_a_disk_may_be_repeated(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.start(_other(0b1100))
    provider.stop(MINE)
    vm_bench.while_a_server_goes()
    provider.delete_disk(VM)
    provider.delete_disk(VM)
    assert not provider.has_disk(VM)
    assert list(every(provider.every_disk)) == ["others"]


# Lists and usage


def test_without_servers_every_response_is_empty(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    assert provider.server(MINE) is None
    assert provider.is_vacant("node-1", 0xFF)
    assert list(every(provider.every_server)) == []
    assert list(every(provider.every_disk)) == []
    assert provider.usage([]) == {}


def test_only_gpus_with_servers_are_not_vacant(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    assert [provider.is_vacant("node-1", 1 << gpu) for gpu in range(4)] == [False, False, True, True]
    assert not provider.is_vacant("node-1", 0xFF)
    assert provider.is_vacant("node-2", 0xFF)


def test_the_pages_together_have_all_servers_and_all_disks(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    owners = [f"vm{n}-1" for n in range(7)]
    for number, owner in enumerate(owners):
        provider.start(_other(1 << number, owner))
        provider.fence(owner)
    found = list(every(provider.every_server))
    assert sorted(server.owner for server in found) == owners
    assert {server.owner: server.gpus for server in found} == {f"vm{n}-1": 1 << n for n in range(7)}
    assert sorted(every(provider.every_disk)) == [f"vm{n}" for n in range(7)]


def test_both_lists_agree_about_a_server(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    orders = [ORDER, _other(1, "a-1", BROKEN_HOST), _other(1, "b-1", "node-3")]
    for order in orders:
        provider.start(order)
    vm_bench.while_a_server_comes_up()
    provider.stop("b-1")
    provider.start(_other(1, "c-1", "node-4"))
    owners = [*(order.owner for order in orders), "c-1"]
    expected = [provider.server(owner) for owner in owners]
    assert len({server.state for server in expected if server}) == 4
    found = {server.owner: server for server in every(provider.every_server)}
    assert [found.pop(owner) for owner in owners] == expected
    assert found == {}


def test_a_server_that_is_gone_is_in_no_list(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.stop(MINE)
    assert [server.state for server in every(provider.every_server)] == [VmServerState.DELETING]
    vm_bench.while_a_server_goes()
    assert list(every(provider.every_server)) == []


def test_another_environment_sees_the_same_servers(vm_bench: VmBench) -> None:
    vm_bench.provider().start(ORDER)
    assert _state(vm_bench.provider()) is VmServerState.STARTING


def test_usage_is_in_percent_and_only_of_the_requested_vms(vm_bench: VmBench) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    provider.start(_other(0b1100))
    vm_bench.while_a_server_comes_up()
    reported = provider.usage([MINE])
    assert set(reported) <= {MINE}
    assert all(isinstance(usage, Usage) for usage in reported.values())
    assert all(0 <= figure <= 100 for u in reported.values() for figure in (u.cpu_percent, u.ram_percent))


# A provider that does not answer


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.start(_other(0b1100)),
        lambda provider: provider.fence(MINE),
        lambda provider: provider.stop(MINE),
        lambda provider: provider.server(MINE),
        lambda provider: provider.is_vacant("node-1", 0xFF),
        lambda provider: provider.every_server(),
        lambda provider: provider.has_disk(VM),
        lambda provider: provider.every_disk(),
        lambda provider: provider.delete_disk(VM),
    ],
    ids=[
        *("start", "fence", "stop", "server", "is_vacant"),
        *("every_server", "has_disk", "every_disk", "delete_disk"),
    ],
)
def test_an_unreachable_provider_raises_and_never_reports_that_nothing_is_there(
    vm_bench: VmBench, call: Callable[[VmProvider], object]
) -> None:
    provider = vm_bench.provider()
    provider.start(ORDER)
    with vm_bench.out_of_reach(), pytest.raises(ProviderUnavailable):
        call(provider)
    assert _state(provider) is VmServerState.STARTING
    assert provider.has_disk(VM)
