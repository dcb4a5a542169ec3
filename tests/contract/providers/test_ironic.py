"""Late requests to a real Ironic: the proxy keeps them, and delivers them when everything has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldOutcome,
    MaintenanceOutcome,
    PowerAction,
    Readiness,
    ServerState,
)
from tests.contract.providers.benches import BROKEN_HOST, ironic_bench
from tests.contract.providers.test_servers import HOLDER, MINE, NEWER, ORDER, OTHERS, REGION, running, states

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.ironic.hosts import IronicHosts
    from testkit.ironic.proxy import Sent
    from tests.contract.providers.ironic_bench import IronicBench, IronicRegion

pytestmark = [pytest.mark.ironic, pytest.mark.slow]

HOST = "host-1"
NEXT_HOLDER = "reservation-2"
THEIRS = replace(ORDER, owner=OTHERS, holder_id=NEXT_HOLDER)


@pytest.fixture
def bench(ironic_region: IronicRegion) -> IronicBench:
    return ironic_bench(ironic_region)


def _machine(bench: IronicBench) -> dict[str, Any]:
    """What late requests could change of the machine."""
    row = bench.machines.state(HOST)
    seen = ("name", "provision_state", "power_state", "instance_uuid", "instance_info", "last_error")
    return {column: row[column] for column in seen}


def _deliver(bench: IronicBench, requests: list[Sent]) -> list[int]:
    """Let requests reach Ironic now, and wait for what comes of them."""
    found = []
    for request in requests:
        found.append(bench.proxy.send(request)[0])
        bench.machines.wait_until_idle()
    return found


def _given_back(bench: IronicBench) -> None:
    """Everything of the first owners ends, as their workflows would have it."""
    provider = bench.provider()
    provider.fence(MINE)
    provider.undeploy(MINE, [HOST])
    bench.while_a_server_goes()
    provider.fence(HOLDER)
    provider.release(HOLDER, [HOST])
    bench.while_a_hold_goes()
    assert [*provider.held_on([HOST]), *provider.servers_on([HOST])] == []


def _next_server(bench: IronicBench) -> IronicHosts:
    provider = bench.provider()
    assert provider.hold(NEXT_HOLDER, REGION, [HOST]) == {HOST: HoldOutcome.HELD}
    bench.while_a_hold_is_prepared()
    assert provider.deploy([THEIRS]) == {HOST: DeployOutcome.DEPLOYED}
    bench.while_a_server_boots()
    assert states(provider, OTHERS) == {HOST: ServerState.RUNNING}
    return provider


def _hold(bench: IronicBench) -> None:
    bench.provider().hold(HOLDER, REGION, [HOST])


def _deploy(bench: IronicBench) -> None:
    bench.provider().deploy([ORDER])


def _rebuild(bench: IronicBench) -> None:
    bench.provider().rebuild(MINE, HOST, NEWER, 2)


def _stop(bench: IronicBench) -> None:
    bench.provider().power(MINE, HOST, PowerAction.STOP)


def _maintain(bench: IronicBench) -> None:
    outcomes = bench.provider().maintain("maintenance-1", [HOST], "new cables")
    assert outcomes == {HOST: MaintenanceOutcome.IN_MAINTENANCE}


def _is(method: str, end: str) -> Callable[[Sent], bool]:
    return lambda sent: sent.method == method and sent.path.endswith(end)


LATE = {
    "hold": (_hold, _is("POST", "/allocations")),
    "deploy: what": (_deploy, lambda sent: sent.method == "PATCH"),
    "deploy: go": (_deploy, _is("PUT", "/provision")),
    "rebuild: what": (_rebuild, lambda sent: sent.method == "PATCH"),
    "rebuild: go": (_rebuild, _is("PUT", "/provision")),
    "power": (_stop, _is("PUT", "/power")),
}


def _prepared(bench: IronicBench, call: Callable[[IronicBench], None]) -> None:
    """What the call needs before it."""
    if call is not _hold:
        _hold(bench)
        bench.while_a_hold_is_prepared()
    if call in (_rebuild, _stop):
        _deploy(bench)
        bench.while_a_server_boots()


def _lose(bench: IronicBench, call: Callable[[IronicBench], None], lost: Callable[[Sent], bool]) -> None:
    """The call sends a request that does not arrive, and whoever has made it dies."""
    bench.proxy.lost = lost
    with pytest.raises(ProviderUnavailable):
        call(bench)
    bench.proxy.lost = lambda _: False
    assert len(bench.proxy.missing) == 1


@pytest.mark.parametrize(("call", "lost"), LATE.values(), ids=LATE)
def test_a_request_that_arrives_when_all_is_given_back_does_nothing(
    bench: IronicBench, call: Callable[[IronicBench], None], lost: Callable[[Sent], bool]
) -> None:
    _prepared(bench, call)
    _lose(bench, call, lost)
    _given_back(bench)
    before = _machine(bench)
    assert _deliver(bench, bench.proxy.missing)[0] in (400, 404)
    assert _machine(bench) == before


@pytest.mark.parametrize(("call", "lost"), LATE.values(), ids=LATE)
def test_a_request_that_arrives_when_another_has_the_host_does_nothing(
    bench: IronicBench, call: Callable[[IronicBench], None], lost: Callable[[Sent], bool]
) -> None:
    _prepared(bench, call)
    _lose(bench, call, lost)
    missing = [*bench.proxy.missing]
    _given_back(bench)
    provider = _next_server(bench)
    before = _machine(bench)
    assert _deliver(bench, missing)[0] in (400, 404)
    assert _machine(bench) == before
    assert states(provider, OTHERS) == {HOST: ServerState.RUNNING}


@pytest.mark.parametrize("call", [_rebuild, _stop])
def test_a_request_for_a_running_server_does_nothing_once_its_placement_is_fenced(
    bench: IronicBench, call: Callable[[IronicBench], None]
) -> None:
    _prepared(bench, call)
    _lose(bench, call, lambda _: True)
    bench.provider().fence(MINE)
    before = _machine(bench)
    assert _deliver(bench, bench.proxy.missing) == [404]
    assert _machine(bench) == before


def test_a_whole_life_that_is_delivered_once_more_does_nothing(bench: IronicBench) -> None:
    _hold(bench)
    bench.while_a_hold_is_prepared()
    sent = [*bench.proxy.sent]
    for call in (_deploy, _rebuild):
        call(bench)
        sent += bench.proxy.sent
        bench.while_a_server_boots()
    _stop(bench)
    bench.while_a_server_stops()
    _given_back(bench)
    sent += bench.proxy.sent
    assert {"POST", "PATCH", "PUT"} <= {request.method for request in sent}
    before = _machine(bench)
    assert all(status in (400, 404) for status in _deliver(bench, sent))
    assert _machine(bench) == before
    provider = _next_server(bench)
    before = _machine(bench)
    assert all(status in (400, 404) for status in _deliver(bench, sent))
    assert _machine(bench) == before
    assert states(provider, OTHERS) == {HOST: ServerState.RUNNING}


def test_a_fence_that_overtakes_a_hold_on_its_way_takes_it_back(bench: IronicBench) -> None:
    provider = bench.provider()
    bench.proxy.rivals.append(lambda: bench.provider().fence(HOLDER))
    assert provider.hold(HOLDER, REGION, [HOST]) == {HOST: HoldOutcome.FENCED}
    assert list(provider.held(HOLDER)) == []
    assert provider.hold(NEXT_HOLDER, REGION, [HOST]) == {HOST: HoldOutcome.HELD}


def test_a_fence_that_overtakes_a_deploy_on_its_way_takes_it_back(bench: IronicBench) -> None:
    _hold(bench)
    bench.while_a_hold_is_prepared()
    bench.proxy.rivals.append(lambda: bench.provider().fence(MINE))
    provider = bench.provider()
    assert provider.deploy([ORDER]) == {HOST: DeployOutcome.FENCED}
    assert list(provider.servers_on([HOST])) == []
    assert bench.machines.state(HOST)["provision_state"] == "available"


def test_a_fence_that_overtakes_a_power_action_on_its_way_prevents_it(bench: IronicBench) -> None:
    running(bench, HOST)
    bench.proxy.rivals.append(lambda: bench.provider().fence(MINE))
    assert bench.provider().power(MINE, HOST, PowerAction.STOP) is ActionOutcome.FENCED
    bench.machines.wait_until_idle()
    assert bench.machines.state(HOST)["power_state"] == "power on"


def test_a_step_that_is_repeated_after_a_lost_request_goes_on_with_it(bench: IronicBench) -> None:
    _lose(bench, _hold, lambda _: True)
    _hold(bench)
    bench.while_a_hold_is_prepared()
    bench.proxy.missing.clear()
    _lose(bench, _deploy, _is("PUT", "/provision"))
    _deploy(bench)
    bench.while_a_server_boots()
    assert states(bench.provider()) == {HOST: ServerState.RUNNING}


def test_a_gateway_that_knows_no_node_is_not_ironic(bench: IronicBench) -> None:
    """Its 404 must not be taken for that of a machine that does not exist any more."""
    provider = bench.provider()
    _hold(bench)
    bench.proxy.rewritten = lambda sent: replace(sent, path="/elsewhere")
    with pytest.raises(ProviderUnavailable):
        provider.held(HOLDER)


def test_a_maintenance_that_begins_after_its_end_is_lifted_by_the_next_look(bench: IronicBench) -> None:
    provider = bench.provider()
    _lose(bench, _maintain, _is("PUT", "/maintenance"))
    provider.end_maintenance("maintenance-1", [HOST])
    assert _deliver(bench, bench.proxy.missing) == [202]
    assert bench.machines.state(HOST)["maintenance"]
    assert provider.fitness([HOST])[HOST].readiness is Readiness.READY
    assert not bench.machines.state(HOST)["maintenance"]


def test_a_repeated_request_goes_on_with_a_maintenance_that_was_lost(bench: IronicBench) -> None:
    _lose(bench, _maintain, _is("PUT", "/maintenance"))
    assert not bench.machines.state(HOST)["maintenance"]
    _maintain(bench)
    row = bench.machines.state(HOST)
    assert (row["maintenance"], row["maintenance_reason"]) == (1, "new cables [gpu-capacity]")


def test_what_somebody_else_has_set_aside_stays_so(bench: IronicBench) -> None:
    provider = bench.provider()
    provider.maintain("maintenance-1", [BROKEN_HOST], "new cables")
    assert bench.machines.state(BROKEN_HOST)["maintenance_reason"] == "a fan is broken"
    provider.end_maintenance("maintenance-1", [BROKEN_HOST])
    assert bench.machines.state(BROKEN_HOST)["maintenance"]
    assert provider.fitness([BROKEN_HOST])[BROKEN_HOST].readiness is Readiness.NOT_READY
