"""The contract of a host provider's servers: what the workflows of placements require of every provider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldOutcome,
    HoldState,
    PowerAction,
    Readiness,
    Server,
    ServerOrder,
    ServerState,
    every,
)
from tests.contract.providers.benches import (
    BROKEN_BOOT,
    BROKEN_HOST,
    STUCK_BOOT,
    STUCK_HOST,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.port import HostProvider
    from tests.contract.providers.benches import HostBench

REGION = "uk-lon-1"
HOLDER, MINE, OTHERS = "reservation-1", "placement-1", "placement-2"
ORDER = ServerOrder(
    owner=MINE,
    holder_id=HOLDER,
    region_id=REGION,
    host_id="host-1",
    ordinal=0,
    name="train-0",
    generation=1,
    image_id="ubuntu-24.04",
    network_id="network-1",
)
NEWER = "ubuntu-26.04"


def _order(host: str, ordinal: int = 0, owner: str = MINE) -> ServerOrder:
    return replace(ORDER, host_id=host, ordinal=ordinal, owner=owner, name=f"train-{ordinal}")


def _held(bench: HostBench, *hosts: str, holder: str = HOLDER) -> HostProvider:
    provider = bench.provider()
    provider.hold(holder, REGION, hosts)
    bench.while_a_hold_is_prepared()
    return provider


def running(bench: HostBench, *hosts: str) -> HostProvider:
    """Hosts with a server each, in this order of ordinals."""
    provider = _held(bench, *hosts)
    provider.deploy([_order(host, ordinal) for ordinal, host in enumerate(hosts)])
    bench.while_a_server_boots()
    return provider


def states(provider: HostProvider, owner: str = MINE) -> dict[str, ServerState]:
    """The states of its servers, by host."""
    return {server.host_id: server.state for server in provider.servers(owner)}


def server_of(provider: HostProvider) -> Server:
    """The only server."""
    (server,) = provider.servers(MINE)
    return server


# Deploying


def test_a_server_boots_on_a_held_host_and_has_addresses_then(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    assert provider.deploy([replace(ORDER, public_ip=True)]) == {"host-1": DeployOutcome.DEPLOYED}
    booting = server_of(provider)
    assert booting.state in (ServerState.QUEUED, ServerState.BUILDING)
    assert (booting.private_ip, booting.public_ip, booting.mac_address) == (None, None, None)
    host_bench.while_a_server_boots()
    server = server_of(provider)
    assert (server.owner, server.host_id, server.ordinal) == (MINE, "host-1", 0)
    assert (server.generation, server.image_id, server.state) == (1, "ubuntu-24.04", ServerState.RUNNING)
    assert all((server.private_ip, server.public_ip, server.mac_address))


def test_without_a_wish_a_server_has_no_public_address(host_bench: HostBench) -> None:
    server = server_of(running(host_bench, "host-1"))
    assert (server.public_ip, bool(server.private_ip)) == (None, True)


def test_deploying_again_returns_the_same_and_changes_nothing(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    before = server_of(provider)
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.DEPLOYED}
    assert provider.deploy([replace(ORDER, image_id=NEWER, generation=2)]) == {
        "host-1": DeployOutcome.DEPLOYED
    }
    assert server_of(provider) == before


def test_a_host_that_the_orders_holder_does_not_hold_gets_no_server(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    provider.hold("another", REGION, ["host-2"])
    host_bench.while_a_hold_is_prepared()
    outcomes = provider.deploy([_order("host-1"), _order("host-2", 1), _order("host-3", 2)])
    assert outcomes == {
        "host-1": DeployOutcome.DEPLOYED,
        "host-2": DeployOutcome.NOT_HELD,
        "host-3": DeployOutcome.NOT_HELD,
    }
    assert list(states(provider)) == ["host-1"]


@pytest.mark.parametrize("host", [BROKEN_HOST, STUCK_HOST])
def test_a_host_in_preparation_and_an_unfit_one_get_no_server(host_bench: HostBench, host: str) -> None:
    provider = host_bench.provider()
    provider.hold(HOLDER, REGION, [host, "host-1"])
    early = provider.deploy([_order(host), _order("host-1", 1)])
    assert set(early.values()) == {DeployOutcome.NOT_HELD}
    host_bench.while_a_hold_is_prepared()
    assert provider.deploy([_order(host)]) == {host: DeployOutcome.NOT_HELD}
    assert provider.deploy([_order("host-1", 1)]) == {"host-1": DeployOutcome.DEPLOYED}


def test_a_host_that_is_being_released_gets_no_server(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    provider.release(HOLDER, ["host-1"])
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.NOT_HELD}


def test_a_host_has_one_server(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    rival = _order("host-1", owner=OTHERS)
    assert provider.deploy([rival]) == {"host-1": DeployOutcome.OCCUPIED}
    provider.undeploy(MINE, ["host-1"])
    assert provider.deploy([rival]) == {"host-1": DeployOutcome.OCCUPIED}
    host_bench.while_a_server_goes()
    assert provider.deploy([rival]) == {"host-1": DeployOutcome.DEPLOYED}
    assert [server.owner for server in provider.servers_on(["host-1"])] == [OTHERS]


def test_many_orders_are_served_in_one_call(host_bench: HostBench) -> None:
    hosts = [f"host-{number:02}" for number in range(60)]
    provider = _held(host_bench, *hosts)
    provider.deploy([_order("host-30", 30, OTHERS)])
    outcomes = provider.deploy([_order(host, ordinal) for ordinal, host in enumerate(hosts)])
    assert {host for host, found in outcomes.items() if found is not DeployOutcome.DEPLOYED} == {"host-30"}
    assert [server.ordinal for server in provider.servers(MINE)] == [*range(30), *range(31, 60)]


def test_a_server_that_cannot_boot_is_failed_with_a_reason(host_bench: HostBench) -> None:
    provider = running(host_bench, BROKEN_BOOT, "host-1")
    broken, good = provider.servers(MINE)
    assert (good.state, good.message) == (ServerState.RUNNING, "")
    assert broken.state is ServerState.FAILED
    assert broken.message


def test_a_server_whose_boot_hangs_is_building_however_long_it_takes(host_bench: HostBench) -> None:
    provider = running(host_bench, STUCK_BOOT)
    host_bench.days(1)
    assert states(provider) == {STUCK_BOOT: ServerState.BUILDING}


# The fence


def test_after_the_fence_nothing_is_deployed_rebuilt_or_switched(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.hold(HOLDER, REGION, ["host-2"])
    host_bench.while_a_hold_is_prepared()
    before = server_of(provider)
    provider.fence(MINE)
    assert provider.deploy([ORDER, _order("host-2", 1)]) == dict.fromkeys(
        ("host-1", "host-2"), DeployOutcome.FENCED
    )
    assert provider.rebuild(MINE, "host-1", NEWER, 2) is ActionOutcome.FENCED
    for action in (PowerAction.STOP, PowerAction.REBOOT, PowerAction.HARD_REBOOT):
        assert provider.power(MINE, "host-1", action) is ActionOutcome.FENCED
    assert server_of(provider) == before
    assert provider.deploy([_order("host-2", owner=OTHERS)]) == {"host-2": DeployOutcome.DEPLOYED}


def test_the_fence_of_a_placement_does_not_affect_its_reservation(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    provider.fence(MINE)
    assert provider.hold(HOLDER, REGION, ["host-2"]) == {"host-2": HoldOutcome.HELD}


def test_a_deploy_in_progress_when_the_fence_is_set_creates_nothing(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    host_bench.before_the_next_change(lambda: host_bench.provider().fence(MINE))
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.FENCED}
    assert list(provider.servers_on(["host-1"])) == []


def test_a_late_deploy_does_not_bring_back_a_server_that_was_removed(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.undeploy(MINE, ["host-1"])
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.FENCED}
    host_bench.while_a_server_goes()
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.FENCED}
    assert states(provider) == {}


# Races for a host


def test_of_two_concurrent_placements_that_want_one_host_one_gets_it(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    rival = _order("host-1", owner=OTHERS)
    host_bench.before_the_next_change(lambda: host_bench.provider().deploy([rival]))
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.OCCUPIED}
    assert [server.owner for server in every(provider.every_server)] == [OTHERS]


def test_of_a_concurrent_deploy_and_release_one_takes_effect(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    host_bench.before_the_next_change(lambda: host_bench.provider().release(HOLDER, ["host-1"]))
    assert provider.deploy([ORDER]) == {"host-1": DeployOutcome.NOT_HELD}
    assert [hold.state for hold in provider.held(HOLDER)] == [HoldState.RELEASING]


# Removing, and releasing hosts with servers


def test_a_server_is_listed_until_it_is_gone(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1", "host-2")
    provider.undeploy(MINE, ["host-1"])
    assert states(provider) == {"host-1": ServerState.DELETING, "host-2": ServerState.RUNNING}
    host_bench.while_a_server_goes()
    assert states(provider) == {"host-2": ServerState.RUNNING}


def test_removing_again_does_not_begin_again(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.undeploy(MINE, ["host-1"])
    provider.undeploy(MINE, ["host-1"])
    host_bench.while_a_server_goes()
    assert states(provider) == {}
    provider.undeploy(MINE, ["host-1"])
    assert list(every(provider.every_server)) == []


def test_a_placement_cannot_remove_the_server_of_another(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.undeploy(OTHERS, ["host-1", "host-2"])
    provider.undeploy(OTHERS, [])
    host_bench.while_a_server_goes()
    assert states(provider) == {"host-1": ServerState.RUNNING}


@pytest.mark.parametrize("host", [BROKEN_BOOT, STUCK_BOOT, "host-1"])
def test_a_server_in_any_state_can_be_removed(host_bench: HostBench, host: str) -> None:
    provider = running(host_bench, host)
    provider.fence(MINE)
    provider.undeploy(MINE, [host])
    host_bench.while_a_server_goes()
    assert states(provider) == {}


def test_a_host_with_a_server_is_not_released_and_others_are(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-1")
    provider.hold(HOLDER, REGION, ["host-2"])
    host_bench.while_a_hold_is_prepared()
    provider.release(HOLDER, ["host-1", "host-2"])
    held, releasing = provider.held(HOLDER)
    assert (held.state, releasing.state) == (HoldState.HELD, HoldState.RELEASING)
    provider.undeploy(MINE, ["host-1"])
    provider.release(HOLDER, ["host-1"])
    host_bench.while_a_server_goes()
    provider.release(HOLDER, ["host-1"])
    host_bench.while_a_hold_goes()
    assert list(provider.held(HOLDER)) == []
    assert provider.hold("next", REGION, ["host-1"]) == {"host-1": HoldOutcome.HELD}


# Listing, and fitness


def test_without_servers_every_list_is_empty(host_bench: HostBench) -> None:
    provider = _held(host_bench, "host-1")
    assert list(provider.servers(MINE)) == []
    assert list(provider.servers_on(["host-1"])) == list(provider.servers_on([])) == []
    assert list(every(provider.every_server)) == []


def test_servers_are_listed_in_order_of_ordinals_and_of_hosts(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-3", "host-1", "host-2")
    assert [server.host_id for server in provider.servers(MINE)] == ["host-3", "host-1", "host-2"]
    found = provider.servers_on(["host-3", "host-9", "host-2"])
    assert [server.host_id for server in found] == ["host-2", "host-3"]


def test_the_three_lists_agree_about_servers_and_the_lists_of_holds_have_none(host_bench: HostBench) -> None:
    hosts = [BROKEN_BOOT, STUCK_BOOT, "host-1", "host-2", "host-3"]
    provider = running(host_bench, *hosts)
    provider.undeploy(MINE, ["host-2"])
    provider.power(MINE, "host-3", PowerAction.STOP)
    by_owner = {server.host_id: server for server in provider.servers(MINE)}
    assert len({server.state for server in by_owner.values()}) == len(hosts)
    assert {server.host_id: server for server in provider.servers_on(hosts)} == by_owner
    assert {server.host_id: server for server in every(provider.every_server)} == by_owner
    assert {hold.holder_id for hold in provider.every_hold().entries} <= {HOLDER}
    assert len(provider.held(HOLDER)) == len(hosts)


def test_servers_of_many_placements_are_those_of_each(host_bench: HostBench) -> None:
    provider = running(host_bench, "host-3", "host-1")
    assert provider.servers_by_owner([]) == {}
    found = provider.servers_by_owner([MINE, OTHERS])
    assert {owner: list(servers) for owner, servers in found.items()} == {
        MINE: list(provider.servers(MINE)),
        OTHERS: [],
    }
    assert [server.host_id for server in found[MINE]] == ["host-3", "host-1"]


def test_another_environment_sees_the_same_servers(host_bench: HostBench) -> None:
    running(host_bench, "host-1")
    assert list(states(host_bench.provider())) == ["host-1"]


def test_every_host_has_a_fitness_and_one_that_is_not_ready_has_a_reason(host_bench: HostBench) -> None:
    found = host_bench.provider().fitness(["host-1", BROKEN_HOST, STUCK_HOST])
    assert {host: fitness.readiness for host, fitness in found.items()} == {
        "host-1": Readiness.READY,
        BROKEN_HOST: Readiness.NOT_READY,
        STUCK_HOST: Readiness.UNKNOWN,
    }
    assert found[BROKEN_HOST].reason
    assert found["host-1"].reason is None


# A provider that does not answer


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.deploy([_order("host-2", 1)]),
        lambda provider: provider.undeploy(MINE, ["host-1"]),
        lambda provider: provider.power(MINE, "host-1", PowerAction.STOP),
        lambda provider: provider.rebuild(MINE, "host-1", NEWER, 2),
        lambda provider: provider.servers(MINE),
        lambda provider: provider.servers_by_owner([MINE]),
        lambda provider: provider.servers_on(["host-1"]),
        lambda provider: provider.every_server(),
    ],
    ids=[
        "deploy",
        "undeploy",
        "power",
        "rebuild",
        "servers",
        "servers_by_owner",
        "servers_on",
        "every_server",
    ],
)
def test_an_unreachable_provider_raises_and_never_reports_that_nothing_is_there(
    host_bench: HostBench, call: Callable[[HostProvider], object]
) -> None:
    provider = running(host_bench, "host-1")
    before = server_of(provider)
    with host_bench.out_of_reach(), pytest.raises(ProviderUnavailable):
        call(provider)
    assert server_of(provider) == before
