"""Features of the simulated region alone: configurable times and faults, items, faults of its database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import (
    DeployOutcome,
    Hold,
    HoldOutcome,
    HoldState,
    PowerAction,
    ServerOrder,
    ServerState,
    StartOutcome,
    every,
)
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour, SimulatedBoots
from gpu_capacity.providers.simulated.region import SimulatedRegion
from gpu_capacity.providers.table import FENCE_SECONDS
from testkit.doubles import FakeClock, RecordedPause
from testkit.dynamodb import (
    MemoryDynamoDB,
    item_conflict,
    throttled,
    timeout_after,
    transaction_conflict,
    unreachable,
)
from testkit.world import SERVERS, create_tables
from tests.contract.providers.benches import memory_bench
from tests.contract.providers.test_vms import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable


CALLS: dict[str, Callable[[SimulatedRegion], object]] = {
    "hold": lambda region: region.hold("mine", "uk-lon-1", ["host-2"]),
    "fence": lambda region: region.fence("mine"),
    "release": lambda region: region.release("mine", ["host-1"]),
    "held": lambda region: region.held("mine"),
}


@dataclass
class Place:
    region: SimulatedRegion
    db: MemoryDynamoDB
    pause: RecordedPause
    clock: FakeClock


@pytest.fixture
def place() -> Place:
    """A region with ``host-1`` held by ``mine``."""
    clock, pause = FakeClock(), RecordedPause()
    db = MemoryDynamoDB(now=clock.now)
    create_tables(db)
    region = SimulatedRegion(Database(db, clock=clock), SERVERS, clock, pause, SimulatedBehaviour())
    region.hold("mine", "uk-lon-1", ["host-1"])
    return Place(region, db, pause, clock)


@pytest.mark.parametrize("fault", [throttled, unreachable])
@pytest.mark.parametrize("call", CALLS)
def test_a_database_that_does_not_answer_makes_the_provider_unavailable(
    place: Place, call: str, fault: Callable[[], Any]
) -> None:
    place.db.before("*", fault(), times=None)
    with pytest.raises(ProviderUnavailable):
        CALLS[call](place.region)


@pytest.mark.parametrize(("call", "statements"), [("hold", 3), ("release", 2)])
def test_a_transaction_conflict_is_retried_and_finally_given_up(
    place: Place, call: str, statements: int
) -> None:
    place.db.before("transact_write_items", transaction_conflict(statements, at=0), times=2)
    CALLS[call](place.region)
    assert place.pause.attempts == [0, 1]
    place.db.before("transact_write_items", transaction_conflict(statements, at=0), times=None)
    with pytest.raises(ProviderUnavailable, match="busy"):
        CALLS[call](place.region)
    assert place.pause.attempts == [0, 1, *range(8)]


def test_a_fence_in_conflict_with_a_hold_is_retried(place: Place) -> None:
    place.db.before("put_item", item_conflict(), times=1)
    place.region.fence("mine")
    assert place.region.hold("mine", "uk-lon-1", ["host-2"]) == {"host-2": HoldOutcome.FENCED}


def test_a_repeated_hold_that_timed_out_succeeds(place: Place) -> None:
    place.db.after("transact_write_items", timeout_after())
    with pytest.raises(ProviderUnavailable):
        place.region.hold("mine", "uk-lon-1", ["host-2"])
    assert place.region.hold("mine", "uk-lon-1", ["host-2"]) == {"host-2": HoldOutcome.HELD}
    assert len(place.region.held("mine")) == 2


def test_ended_items_expire_and_current_ones_do_not(place: Place) -> None:
    assert [item for item in place.db.table(SERVERS).items() if "ttl_sweep_at" in item] == []
    place.region.fence("mine")
    place.region.release("mine", ["host-1"])
    expiring = {item["pk"]["S"]: int(item["ttl_sweep_at"]["N"]) for item in place.db.table(SERVERS).items()}
    assert len(place.db.table(SERVERS)) == 3
    assert min(expiring.values()) >= place.clock.now() + FENCE_SECONDS


def test_the_expiry_of_an_earlier_hold_does_not_remove_its_successor_on_the_host(
    place: Place,
) -> None:
    place.region.release("mine", ["host-1"])
    place.clock.advance(60)
    place.region.hold("others", "uk-lon-1", ["host-1"])
    host = place.db.table(SERVERS).get(("HOST#host-1", "HOST"))
    assert host is not None
    assert host["holder"] == {"S": "others"}
    assert "ttl_sweep_at" not in host
    assert "gone_at" not in host


def test_a_server_that_an_earlier_version_pinned_is_a_hold(place: Place) -> None:
    """It wrote the same two items for a server; no placement's server was on a host."""
    for item in (
        {**server_keys.HOSTS.hold("old", "host-3"), "region": {"S": "uk-lon-1"}, "started_at": {"N": "1"}}
        | {"ready_at": {"N": "21"}},
        {**server_keys.HOSTS.host("host-3"), "holder": {"S": "old"}},
    ):
        place.db.put_item(TableName=SERVERS, Item=item)
    assert list(place.region.held("old")) == [Hold("old", "host-3", HoldState.HELD, since=1)]
    assert place.region.hold("old", "uk-lon-1", ["host-3"]) == {"host-3": HoldOutcome.HELD}
    order = ServerOrder("p", "old", "uk-lon-1", "host-3", 0, "train-0", 1, "image", "network")
    assert place.region.deploy([order]) == {"host-3": DeployOutcome.DEPLOYED}
    place.region.undeploy("p", ["host-3"])
    place.clock.advance(60)
    place.region.release("old", ["host-3"])
    place.clock.advance(60)
    assert place.region.hold("mine", "uk-lon-1", ["host-3"]) == {"host-3": HoldOutcome.HELD}


# Its behaviour is configurable.


def _states(region: SimulatedRegion) -> dict[str, HoldState]:
    return {hold.host_id: hold.state for hold in region.held("mine")}


@pytest.mark.parametrize("seconds", [0, 1, 300])
def test_holds_take_exactly_the_configured_time(seconds: int) -> None:
    bench = memory_bench()
    region = bench.hosts(SimulatedBehaviour(ready_seconds=seconds, delete_seconds=seconds))
    region.hold("mine", "uk-lon-1", ["host-1"])
    if seconds:
        bench.clock.advance(seconds - 1)
        region.hold("mine", "uk-lon-1", ["host-1"])
        assert _states(region) == {"host-1": HoldState.PREPARING}
        bench.clock.advance(1)
    assert _states(region) == {"host-1": HoldState.HELD}
    region.release("mine", ["host-1"])
    if seconds:
        bench.clock.advance(seconds - 1)
        region.release("mine", ["host-1"])
        assert _states(region) == {"host-1": HoldState.RELEASING}
        bench.clock.advance(1)
    assert _states(region) == {}


def test_a_stuck_host_is_never_held() -> None:
    bench = memory_bench()
    region = bench.hosts(SimulatedBehaviour(stuck_hosts=frozenset({"host-1"})))
    region.hold("mine", "uk-lon-1", ["host-1"])
    bench.days(365)
    assert _states(region) == {"host-1": HoldState.PREPARING}


@pytest.mark.parametrize(("field", "state"), [("failure_share", "unfit"), ("stuck_share", "preparing")])
def test_a_share_of_the_hosts_fails_and_always_the_same_ones(field: str, state: str) -> None:
    bench = memory_bench()
    half = bench.hosts(SimulatedBehaviour(**{field: 0.5}))  # type: ignore[arg-type]
    for number in range(40):
        half.hold("mine", "uk-lon-1", [f"host-{number:02}"])
    bench.clock.advance(60)
    hit = {host for host, found in _states(half).items() if found == state}
    assert 10 <= len(hit) <= 30
    again = bench.hosts(SimulatedBehaviour(**{field: 0.5}))  # type: ignore[arg-type]
    assert {host for host, found in _states(again).items() if found == state} == hit
    every = bench.hosts(SimulatedBehaviour(**{field: 1.0}))  # type: ignore[arg-type]
    assert set(_states(every).values()) == {HoldState(state)}


@pytest.mark.parametrize(("phase", "seconds"), [("boot", 40), ("rebuild", 30), ("reboot", 20), ("stop", 10)])
def test_servers_take_exactly_the_configured_time(phase: str, seconds: int) -> None:
    bench = memory_bench()
    boots = SimulatedBoots(boot_seconds=40, rebuild_seconds=30, reboot_seconds=20, stop_seconds=10)
    region = bench.hosts(SimulatedBehaviour(ready_seconds=0, boots=boots))
    region.hold("r", "uk-lon-1", ["host-1"])
    order = ServerOrder("p", "r", "uk-lon-1", "host-1", 0, "train-0", 1, "image", "network")
    region.deploy([order])
    if phase != "boot":
        bench.clock.advance(40)
    begin: dict[str, Callable[[], object]] = {
        "rebuild": lambda: region.rebuild("p", "host-1", "other", 2),
        "reboot": lambda: region.power("p", "host-1", PowerAction.REBOOT),
        "stop": lambda: region.power("p", "host-1", PowerAction.STOP),
    }
    begin.get(phase, lambda: None)()
    begun = region.servers("p")[0].state
    bench.clock.advance(seconds - 1)
    assert region.servers("p")[0].state is begun
    bench.clock.advance(1)
    ended = ServerState.STOPPED if phase == "stop" else ServerState.RUNNING
    assert region.servers("p")[0].state is ended


def test_a_share_of_the_boots_fails_and_another_attempt_may_succeed() -> None:
    bench = memory_bench()
    half = SimulatedBehaviour(ready_seconds=0, boots=SimulatedBoots(failure_share=0.5))
    region, hosts = bench.hosts(half), [f"host-{number:02}" for number in range(40)]
    region.hold("r", "uk-lon-1", hosts)
    region.deploy(
        [
            ServerOrder("p", "r", "uk-lon-1", host, ordinal, f"train-{ordinal}", 1, "image", "network")
            for ordinal, host in enumerate(hosts)
        ]
    )
    bench.clock.advance(60)
    failed = [server.host_id for server in region.servers("p") if server.state is ServerState.FAILED]
    assert 10 <= len(failed) <= 30
    for host in failed:
        region.rebuild("p", host, "image", 1)
    bench.clock.advance(60)
    states = {server.state for server in region.servers("p") if server.host_id in failed}
    assert states == {ServerState.RUNNING, ServerState.FAILED}


def test_user_data_is_not_stored() -> None:
    bench = memory_bench()
    region = bench.hosts(SimulatedBehaviour(ready_seconds=0))
    region.hold("r", "uk-lon-1", ["host-1"])
    order = ServerOrder(
        "p", "r", "uk-lon-1", "host-1", 0, "train-0", 1, "image", "network", user_data="SECRET"
    )
    region.deploy([order])
    assert "SECRET" not in str(bench.client.scan(TableName=bench.table))


# Hosts and GPUs of hosts are the same machines.


def test_a_vm_does_not_fit_on_a_held_host_until_the_hold_is_gone() -> None:
    bench = memory_bench()
    bench.hosts().hold("mine", "eu-ams-1", [ORDER.host_id])
    assert bench.vms().start(ORDER) is StartOutcome.OCCUPIED
    bench.hosts().release("mine", [ORDER.host_id])
    assert bench.vms().start(ORDER) is StartOutcome.OCCUPIED
    bench.while_a_server_goes()
    assert bench.vms().start(ORDER) is StartOutcome.STARTED


def test_each_list_has_its_own_kind() -> None:
    bench = memory_bench()
    bench.hosts().hold("mine", "eu-ams-1", ["host-1"])
    bench.vms().start(ORDER)
    assert [hold.holder_id for hold in every(bench.hosts().every_hold)] == ["mine"]
    assert [server.owner for server in every(bench.vms().every_server)] == [ORDER.owner]
    assert list(every(bench.vms().every_disk)) == [ORDER.vm_id]


def test_holds_and_servers_have_the_time_of_their_creation() -> None:
    bench = memory_bench()
    begun = bench.clock.now()
    bench.hosts().hold("mine", "eu-ams-1", ["host-1"])
    bench.vms().start(ORDER)
    bench.while_a_server_comes_up()
    (hold,) = bench.hosts().held("mine")
    vm_server = bench.vms().server(ORDER.owner)
    assert vm_server is not None
    assert hold.since == vm_server.started_at == begun


def test_logins_are_not_stored() -> None:
    bench = memory_bench()
    order = replace(ORDER, ssh_public_key="SECRET")
    bench.vms().start(replace(order, password_hash="SECRET"))  # pragma: allowlist secret
    assert "SECRET" not in str(bench.client.scan(TableName=bench.table))


def test_a_host_with_an_unreadable_item_does_not_count_as_empty() -> None:
    bench = memory_bench()
    region = bench.hosts()
    region.hold("mine", "uk-lon-1", ["host-1"])
    bench.client.delete_item(TableName=bench.table, Key=server_keys.HOSTS.hold("mine", "host-1"))
    assert [(h.holder_id, h.state) for h in region.held_on(["host-1"])] == [("mine", HoldState.UNFIT)]
