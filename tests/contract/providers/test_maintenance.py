"""The contract of a host provider: hosts that are taken into maintenance, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldOutcome,
    HoldState,
    MaintenanceOutcome,
    PowerAction,
    Readiness,
    ServerOrder,
    ServerState,
)

if TYPE_CHECKING:
    from gpu_capacity.providers.port import HostProvider
    from tests.contract.providers.benches import HostBench

REGION = "uk-lon-1"
FIRST, SECOND = "maintenance-1", "maintenance-2"
HOLDER, OWNER = "holder-1", "placement-1"
IMAGE, OTHER_IMAGE = "image-1", "image-2"
BEGUN = MaintenanceOutcome.IN_MAINTENANCE


def _readiness(provider: HostProvider, host: str = "host-1") -> Readiness:
    return provider.fitness([host])[host].readiness


def _begin(provider: HostProvider, name: str, host: str = "host-1") -> MaintenanceOutcome:
    return provider.maintain(name, [host], "new cables")[host]


def _order(host: str = "host-1", owner: str = OWNER) -> ServerOrder:
    return ServerOrder(
        owner=owner,
        holder_id=HOLDER,
        region_id=REGION,
        host_id=host,
        ordinal=0,
        name="server-0",
        generation=1,
        image_id=IMAGE,
        network_id="network-1",
    )


def _held(bench: HostBench) -> HostProvider:
    provider = bench.provider()
    provider.hold(HOLDER, REGION, ["host-1"])
    bench.while_a_hold_is_prepared()
    return provider


def _running(bench: HostBench) -> HostProvider:
    provider = _held(bench)
    provider.deploy([_order()])
    bench.while_a_server_boots()
    assert _server(provider) is ServerState.RUNNING
    return provider


def _server(provider: HostProvider) -> ServerState:
    (server,) = provider.servers(OWNER)
    return server.state


def test_a_host_in_maintenance_is_not_ready_and_is_again_after_it(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert provider.maintained(["host-1", "host-2"]) == {"host-1": [], "host-2": []}
    assert _begin(provider, FIRST) is BEGUN
    assert provider.maintained(["host-1", "host-2"]) == {"host-1": [FIRST], "host-2": []}
    fitness = host_bench.provider().fitness(["host-1", "host-2"])
    assert fitness["host-1"].readiness is Readiness.NOT_READY
    assert fitness["host-1"].reason == "the host is in maintenance"
    assert fitness["host-2"].readiness is Readiness.READY
    provider.end_maintenance(FIRST, ["host-1"])
    assert _readiness(provider) is Readiness.READY
    assert provider.maintained(["host-1"]) == {"host-1": []}


def test_beginning_and_ending_again_changes_nothing(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert [_begin(provider, FIRST), _begin(host_bench.provider(), FIRST)] == [BEGUN, BEGUN]
    assert provider.maintained(["host-1"]) == {"host-1": [FIRST]}
    for _ in range(2):
        provider.end_maintenance(FIRST, ["host-1"])
        assert _readiness(provider) is Readiness.READY


def test_a_host_is_in_maintenance_until_the_last_one_ends(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    assert [_begin(provider, FIRST), _begin(provider, SECOND)] == [BEGUN, BEGUN]
    provider.end_maintenance(FIRST, ["host-1"])
    assert provider.maintained(["host-1"]) == {"host-1": [SECOND]}
    assert _readiness(provider) is Readiness.NOT_READY
    provider.end_maintenance(SECOND, ["host-1"])
    assert _readiness(provider) is Readiness.READY


def test_a_maintenance_that_has_ended_never_begins_again(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _begin(provider, FIRST)
    provider.end_maintenance(FIRST, ["host-1"])
    host_bench.days(6)
    assert _begin(provider, FIRST) is MaintenanceOutcome.FENCED
    assert _readiness(provider) is Readiness.READY
    assert _begin(provider, SECOND) is BEGUN, "another one begins"


def test_an_end_is_a_fence_although_nothing_had_begun(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    provider.end_maintenance(FIRST, ["host-1"])
    assert provider.maintain(FIRST, ["host-1", "host-2"], "new cables") == {
        "host-1": MaintenanceOutcome.FENCED,
        "host-2": BEGUN,
    }


def test_a_request_that_an_end_overtakes_leaves_nothing(host_bench: HostBench) -> None:
    provider, hosts = host_bench.provider(), ["host-1", "host-2"]
    host_bench.before_the_next_change(lambda: host_bench.provider().end_maintenance(FIRST, ["host-1"]))
    assert provider.maintain(FIRST, hosts, "new cables") == {
        "host-1": MaintenanceOutcome.FENCED,
        "host-2": BEGUN,
    }
    assert _readiness(provider) is Readiness.READY


def test_what_is_held_stays_held_and_can_be_released(host_bench: HostBench) -> None:
    provider = _held(host_bench)
    _begin(provider, FIRST)
    assert [hold.state for hold in provider.held(HOLDER)] == [HoldState.HELD]
    provider.release(HOLDER, ["host-1"])
    host_bench.while_a_hold_goes()
    assert provider.held(HOLDER) == []
    assert _readiness(provider) is Readiness.NOT_READY


def test_a_hold_that_is_asked_for_during_it_is_unfit_and_says_why(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    _begin(provider, FIRST)
    assert provider.hold(HOLDER, REGION, ["host-1"]) == {"host-1": HoldOutcome.HELD}
    host_bench.while_a_hold_is_prepared()
    (hold,) = provider.held(HOLDER)
    assert hold.state is HoldState.UNFIT
    assert "new cables" in hold.message


def test_no_server_is_deployed_during_it(host_bench: HostBench) -> None:
    provider = _held(host_bench)
    _begin(provider, FIRST)
    assert provider.deploy([_order()]) == {"host-1": DeployOutcome.NOT_HELD}
    assert provider.servers(OWNER) == []
    provider.end_maintenance(FIRST, ["host-1"])
    assert provider.deploy([_order()]) == {"host-1": DeployOutcome.DEPLOYED}


def test_a_server_stays_and_can_only_be_stopped(host_bench: HostBench) -> None:
    provider = _running(host_bench)
    _begin(provider, FIRST)
    assert provider.deploy([_order()]) == {"host-1": DeployOutcome.DEPLOYED}
    assert _server(provider) is ServerState.RUNNING
    for action in (PowerAction.REBOOT, PowerAction.HARD_REBOOT):
        assert provider.power(OWNER, "host-1", action) is ActionOutcome.NOT_ALLOWED
    assert provider.rebuild(OWNER, "host-1", OTHER_IMAGE, 2) is ActionOutcome.NOT_ALLOWED
    assert provider.power(OWNER, "host-1", PowerAction.STOP) is ActionOutcome.ACCEPTED
    host_bench.while_a_server_stops()
    assert _server(provider) is ServerState.STOPPED
    assert provider.power(OWNER, "host-1", PowerAction.START) is ActionOutcome.NOT_ALLOWED
    provider.end_maintenance(FIRST, ["host-1"])
    assert provider.power(OWNER, "host-1", PowerAction.START) is ActionOutcome.ACCEPTED
    host_bench.while_a_server_boots()
    assert _server(provider) is ServerState.RUNNING


def test_a_server_can_be_removed_during_it(host_bench: HostBench) -> None:
    provider = _running(host_bench)
    _begin(provider, FIRST)
    provider.undeploy(OWNER, ["host-1"])
    host_bench.while_a_server_goes()
    assert provider.servers(OWNER) == []


def test_out_of_reach_is_an_error_and_no_outcome(host_bench: HostBench) -> None:
    provider = host_bench.provider()
    with host_bench.out_of_reach():
        for call in (
            lambda: provider.maintain(FIRST, ["host-1"], "new cables"),
            lambda: provider.end_maintenance(FIRST, ["host-1"]),
        ):
            with pytest.raises(ProviderUnavailable):
                call()
