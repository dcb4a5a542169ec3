"""The contract of a host provider: servers are stopped, rebooted and rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.providers.port import ActionOutcome, PowerAction, ServerState
from tests.contract.providers.benches import BROKEN_BOOT, BROKEN_IMAGE, STUCK_BOOT
from tests.contract.providers.test_servers import MINE, NEWER, OTHERS, running, server_of, states

if TYPE_CHECKING:
    from tests.contract.providers.benches import HostBench


# Power


@pytest.mark.parametrize("action", [PowerAction.START, PowerAction.HARD_REBOOT])
def test_a_running_server_is_stopped_and_started_again(host_bench: HostBench, action: PowerAction) -> None:
    provider = running(host_bench, "host-1")
    assert provider.power(MINE, "host-1", PowerAction.STOP) is ActionOutcome.ACCEPTED
    assert states(provider) == {"host-1": ServerState.STOPPING}
    host_bench.while_a_server_stops()
    assert states(provider) == {"host-1": ServerState.STOPPED}
    assert provider.power(MINE, "host-1", PowerAction.STOP) is ActionOutcome.ACCEPTED
    assert provider.power(MINE, "host-1", PowerAction.REBOOT) is ActionOutcome.NOT_ALLOWED
    assert states(provider) == {"host-1": ServerState.STOPPED}
    assert provider.power(MINE, "host-1", action) is ActionOutcome.ACCEPTED
    host_bench.while_a_server_boots()
    assert states(provider) == {"host-1": ServerState.RUNNING}
    assert provider.power(MINE, "host-1", PowerAction.START) is ActionOutcome.ACCEPTED
    assert states(provider) == {"host-1": ServerState.RUNNING}


@pytest.mark.parametrize("action", [PowerAction.REBOOT, PowerAction.HARD_REBOOT])
def test_a_server_is_rebooted_and_is_the_same_then(host_bench: HostBench, action: PowerAction) -> None:
    provider = running(host_bench, "host-1")
    before = server_of(provider)
    assert provider.power(MINE, "host-1", action) is ActionOutcome.ACCEPTED
    assert server_of(provider).state is not ServerState.RUNNING
    host_bench.while_a_server_boots()
    assert server_of(provider) == before


@pytest.mark.parametrize("action", [PowerAction.REBOOT, PowerAction.HARD_REBOOT])
def test_a_server_that_is_stopped_while_it_reboots_stays_stopped(
    host_bench: HostBench, action: PowerAction
) -> None:
    provider = running(host_bench, "host-1")
    provider.power(MINE, "host-1", action)
    assert provider.power(MINE, "host-1", PowerAction.STOP) is ActionOutcome.ACCEPTED
    assert states(provider) == {"host-1": ServerState.STOPPING}
    host_bench.while_a_server_boots()
    assert states(provider) == {"host-1": ServerState.STOPPED}


@pytest.mark.parametrize("action", PowerAction)
@pytest.mark.parametrize("host", [BROKEN_BOOT, STUCK_BOOT])
def test_a_server_that_has_not_booted_is_not_switched(
    host_bench: HostBench, host: str, action: PowerAction
) -> None:
    provider = running(host_bench, host)
    before = server_of(provider)
    assert provider.power(MINE, host, action) is ActionOutcome.NOT_ALLOWED
    assert server_of(provider) == before


@pytest.mark.parametrize("action", PowerAction)
def test_a_server_that_is_being_removed_is_not_touched_and_then_absent(
    host_bench: HostBench, action: PowerAction
) -> None:
    provider = running(host_bench, "host-1")
    provider.undeploy(MINE, ["host-1"])
    assert provider.power(MINE, "host-1", action) is ActionOutcome.NOT_ALLOWED
    assert provider.rebuild(MINE, "host-1", NEWER, 2) is ActionOutcome.NOT_ALLOWED
    host_bench.while_a_server_goes()
    assert provider.power(MINE, "host-1", action) is ActionOutcome.ABSENT
    assert provider.rebuild(MINE, "host-1", NEWER, 2) is ActionOutcome.ABSENT


def test_the_server_of_another_placement_is_absent(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    assert provider.power(OTHERS, "host-1", PowerAction.STOP) is ActionOutcome.ABSENT
    assert provider.rebuild(OTHERS, "host-1", NEWER, 2) is ActionOutcome.ABSENT
    assert states(provider) == {"host-1": ServerState.RUNNING}


# Rebuilding


def test_a_server_is_rebuilt_with_another_image(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    assert provider.rebuild(MINE, "host-1", NEWER, 2) is ActionOutcome.ACCEPTED
    rebuilding = server_of(provider)
    assert (rebuilding.state, rebuilding.image_id) == (ServerState.REBUILDING, NEWER)
    host_bench.while_a_server_boots()
    server = server_of(provider)
    assert (server.state, server.image_id, server.generation) == (ServerState.RUNNING, NEWER, 2)


def test_an_older_generation_is_accepted_and_does_nothing(host_bench: HostBench) -> None:
    """A request that was sent before the next one may arrive after it."""
    provider = running(host_bench, "host-1")
    provider.rebuild(MINE, "host-1", NEWER, 3)
    host_bench.while_a_server_boots()
    before = server_of(provider)
    assert provider.rebuild(MINE, "host-1", "ubuntu-24.04", 2) is ActionOutcome.ACCEPTED
    assert provider.rebuild(MINE, "host-1", NEWER, 3) is ActionOutcome.ACCEPTED
    assert server_of(provider) == before


def test_a_rebuild_that_is_overtaken_by_a_newer_one_does_nothing(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    host_bench.before_the_next_change(lambda: host_bench.provider().rebuild(MINE, "host-1", NEWER, 3))
    assert provider.rebuild(MINE, "host-1", "ubuntu-25.04", 2) is ActionOutcome.ACCEPTED
    assert (server_of(provider).image_id, server_of(provider).generation) == (NEWER, 3)


def test_a_failed_server_is_tried_again_with_the_same_generation(host_bench: HostBench) -> None:
    provider = running(host_bench, BROKEN_BOOT)
    assert provider.rebuild(MINE, BROKEN_BOOT, "ubuntu-24.04", 1) is ActionOutcome.ACCEPTED
    assert states(provider) == {BROKEN_BOOT: ServerState.REBUILDING}


def test_a_server_that_fails_with_an_image_recovers_with_another(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.rebuild(MINE, "host-1", BROKEN_IMAGE, 2)
    host_bench.while_a_server_boots()
    assert (server_of(provider).state, server_of(provider).image_id) == (ServerState.FAILED, BROKEN_IMAGE)
    provider.rebuild(MINE, "host-1", NEWER, 3)
    host_bench.while_a_server_boots()
    assert (server_of(provider).state, server_of(provider).message) == (ServerState.RUNNING, "")


def test_a_stopped_server_and_one_that_boots_can_be_rebuilt(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1", STUCK_BOOT)
    provider.power(MINE, "host-1", PowerAction.STOP)
    host_bench.while_a_server_stops()
    assert provider.rebuild(MINE, "host-1", NEWER, 2) is ActionOutcome.ACCEPTED
    assert provider.rebuild(MINE, STUCK_BOOT, NEWER, 2) is ActionOutcome.ACCEPTED
    assert set(states(provider).values()) == {ServerState.REBUILDING}
    host_bench.while_a_server_boots()
    assert states(provider)["host-1"] is ServerState.RUNNING
