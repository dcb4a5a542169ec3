"""What is gone at the provider becomes visible, and its repair starts; what nobody owns is reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.inventory.units import Health
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.providers.port import HoldOutcome, HoldState, PowerAction, ServerState
from gpu_capacity.providers.simulated.keys import HOSTS
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.upkeep.watch import run
from gpu_capacity.upkeep.watch.run import watch_providers
from gpu_capacity.upkeep.watch.store import Sighted
from gpu_capacity.vms.record import VmStatus
from gpu_capacity.vms.schedule import watch_vm_nodes
from testkit.placements import found, place, provisioned
from testkit.reservations import NOWHERE, delete, stored
from testkit.vms.scene import Scene
from testkit.world import ORGANIZATION, REGION, SERVERS, World, caller, pod

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.reservations.record import Reservation

PROVISIONED: Final = PlacementStatus.PROVISIONED


@pytest.fixture
def world() -> World:
    """One pod of four racks with four hosts each."""
    return World(pods=(pod("pod1", 4, hosts=4),))


class Lens:
    """A provider of which some methods answer otherwise."""

    def __init__(self, provider: Any, **methods: Any) -> None:
        self._provider, self._methods = provider, methods
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return self._methods.get(name) or getattr(self._provider, name)


def through(world: World, **methods: Any) -> tuple[Any, Lens]:
    lens = Lens(world.services.provider, **methods)
    services: Any = replace(world.services, provider=lens)
    return services, lens


def remove(world: World, key: Key) -> None:
    world.db.delete_item(TableName=SERVERS, Key=key)


def lose_hold(world: World, reservation: Reservation, host_id: str) -> None:
    """The provider has forgotten that it holds the host."""
    remove(world, HOSTS.hold(reservation.hold_owner, host_id))
    remove(world, HOSTS.host(host_id))


def lose_server(world: World, placement: Placement, ordinal: int) -> str:
    """The provider has forgotten the server. Returns the host."""
    servers = world.services.provider.servers(placement.server_owner)
    host_id = next(server.host_id for server in servers if server.ordinal == ordinal)
    remove(world, HOSTS.server(placement.server_owner, host_id))
    names = {"#server": "server"}
    world.db.update_item(
        TableName=SERVERS,
        Key=HOSTS.host(host_id),
        UpdateExpression="REMOVE #server",
        ExpressionAttributeNames=names,
    )
    return host_id


def settled(world: World, placement: Placement) -> Placement:
    for _ in range(20):
        settle_placement(world.services, ORGANIZATION, placement.id)
        world.clock.advance(5)
    return found(world, placement.id)


def running(world: World, count: int = 4) -> tuple[Reservation, Placement]:
    reservation = provisioned(world, 2)
    placement = settled(world, place(world, reservation.id, count))
    assert placement.status is PROVISIONED
    return stored(world, reservation.id), placement


def hosts_of(reservation: Reservation) -> list[str]:
    return [f"pod1-rack{p:02}-tray{slot:02}" for p in reservation.positions for slot in range(4)]


def quarantined(world: World) -> dict[str, str]:
    cordons = world.services.inventory.quarantines([REGION], consistent=True)
    return {host_id: cordon.reason for host_id, cordon in cordons.items()}


def test_where_all_is_well_the_provider_is_asked_for_its_lists_only(world: World) -> None:
    running(world)
    services, lens = through(world)
    report = watch_providers(services)
    assert (report.looked_at, report.amiss, report.unowned, report.complete) == (2, 0, 0, True)
    assert set(lens.calls) == {"every_hold", "every_server"}
    assert quarantined(world) == {}


def test_a_hold_that_is_gone_is_held_again(world: World) -> None:
    reservation, _ = running(world)
    host_id = hosts_of(reservation)[-1]
    lose_hold(world, reservation, host_id)
    assert watch_providers(world.services).amiss == 1
    assert host_id in {hold.host_id for hold in world.services.provider.held(reservation.server_owner)}
    assert quarantined(world) == {}
    assert world.telemetry.counts["HoldsRenewed"] == 1
    world.clock.advance(60)
    assert watch_providers(world.services).amiss == 0


def test_a_host_that_cannot_be_held_again_is_set_aside_and_shows(world: World) -> None:
    reservation, _ = running(world)
    host_id = hosts_of(reservation)[-1]
    lose_hold(world, reservation, host_id)
    world.services.provider.hold("somebody-else", REGION, [host_id])
    watch_providers(world.services)
    assert quarantined(world) == {host_id: "the host provider holds it for another holder"}
    shown = get_reservation(world.services, caller(), reservation.id, NOWHERE)
    assert shown.health is Health.DEGRADED
    assert [impaired.id for impaired in shown.impaired] == [host_id]
    assert ("reservation degraded", reservation.id, host_id) in [
        (message, details.get("reservation"), details.get("host"))
        for message, details in world.telemetry.lines
    ]
    # Known already: it is not asked about again.
    world.clock.advance(60)
    assert watch_providers(world.services).amiss == 0


def test_a_hold_that_became_unfit_is_set_aside(world: World) -> None:
    reservation, _ = running(world)
    host_id = hosts_of(reservation)[-1]
    provider = world.services.provider

    def held(owner: str) -> list[Any]:
        return [
            replace(h, state=HoldState.UNFIT, message="no power") if h.host_id == host_id else h
            for h in provider.held(owner)
        ]

    def every_hold(after: str | None = None) -> Any:
        return replace(provider.every_hold(after), entries=())

    services, _ = through(world, held=held, every_hold=every_hold)
    watch_providers(services)
    assert quarantined(world) == {host_id: "unfit: no power"}


def test_a_hold_that_is_lost_during_a_maintenance_is_no_fault_of_the_host(world: World) -> None:
    """It is held again when the maintenance is over."""
    reservation, placement = running(world)
    provider = world.services.provider
    host_id = hosts_of(reservation)[-1]
    provider.maintain("m", [host_id], "new fans")
    lose_hold(world, reservation, host_id)
    for _ in range(3):
        watch_providers(world.services)
        world.clock.advance(60)
    assert host_id not in {hold.host_id for hold in provider.held(reservation.hold_owner)}
    provider.end_maintenance("m", [host_id])
    for _ in range(3):
        watch_providers(world.services)
        world.clock.advance(60)
    holds = {hold.host_id: hold.state for hold in provider.held(reservation.hold_owner)}
    assert holds[host_id] is HoldState.HELD
    assert (quarantined(world), found(world, placement.id)) == ({}, placement)


def test_a_host_without_a_hold_loses_its_server_to_another_host(world: World) -> None:
    _, placement = running(world)
    servers = world.services.provider.servers(placement.server_owner)
    host_id = servers[0].host_id
    provider = world.services.provider
    services, _ = through(
        world,
        held=lambda owner: [h for h in provider.held(owner) if h.host_id != host_id],
        every_hold=lambda after=None: replace(provider.every_hold(after), entries=()),
        hold=lambda _owner, _region, hosts: dict.fromkeys(hosts, HoldOutcome.FENCED),
    )
    watch_providers(services)
    moved = settled(world, placement)
    assert moved.status is PROVISIONED
    after = {s.ordinal: s.host_id for s in world.services.provider.servers(placement.server_owner)}
    assert len(after) == 4
    assert host_id not in after.values()
    assert not moved.condemned


def test_holds_of_a_reservation_that_has_moved_are_under_another_name(world: World) -> None:
    """Its first name is fenced: to ask for holds under that would set all of its hosts aside."""
    before = provisioned(world, 2)
    services = world.services
    moved = services.reservations.change(before, replace(before, moved_for=("a host was unfit",)))
    reservation = stored(world, before.id)
    assert moved == reservation
    assert reservation.hold_owner != before.hold_owner
    hosts = hosts_of(reservation)
    services.provider.fence(before.hold_owner)
    services.provider.release(before.hold_owner, hosts)
    world.clock.advance(60)
    services.provider.hold(reservation.hold_owner, REGION, hosts)
    world.clock.advance(60)
    report = watch_providers(services)
    assert (report.amiss, report.unowned) == (0, 0)
    assert quarantined(world) == {}
    lose_hold(world, reservation, hosts[0])
    assert watch_providers(services).amiss == 1
    assert quarantined(world) == {}
    placement = settled(world, place(world, reservation.id, 2))
    assert placement.status is PROVISIONED


def test_lists_are_not_believed(world: World) -> None:
    """A list that lacks what is there is a suspicion, which the provider dismisses when it is asked."""
    reservation, placement = running(world)
    provider = world.services.provider
    services, lens = through(
        world,
        every_hold=lambda after=None: replace(provider.every_hold(after), entries=()),
        every_server=lambda after=None: replace(provider.every_server(after), entries=()),
    )
    before = stored(world, reservation.id), found(world, placement.id)
    assert watch_providers(services).amiss == 0
    assert {"held", "servers"} <= set(lens.calls)
    assert "hold" not in lens.calls
    assert (stored(world, reservation.id), found(world, placement.id)) == before
    assert quarantined(world) == {}


def test_a_server_that_vanished_is_replaced(world: World) -> None:
    _, placement = running(world)
    host_id = lose_server(world, placement, 1)
    assert watch_providers(world.services).amiss == 1
    begun = found(world, placement.id)
    assert begun.status is PlacementStatus.PROVISIONING
    assert begun.execution in world.workflows.executions
    healed = settled(world, placement)
    assert healed.status is PROVISIONED
    assert [moved.ordinal for moved in healed.moved] == [1]
    assert list(quarantined(world)) == [host_id]


def with_failed(world: World, placement: Placement, ordinal: int) -> Any:
    """Services whose provider says of a server that it has failed."""
    provider = world.services.provider

    def failing(servers: Any) -> list[Any]:
        at = (placement.server_owner, ordinal)
        return [replace(s, state=ServerState.FAILED) if (s.owner, s.ordinal) == at else s for s in servers]

    def every_server(after: str | None = None) -> Any:
        page = provider.every_server(after)
        return replace(page, entries=tuple(failing(page.entries)))

    services, _ = through(
        world, servers=lambda owner: failing(provider.servers(owner)), every_server=every_server
    )
    return services


def test_a_server_that_failed_is_replaced(world: World) -> None:
    _, placement = running(world)
    watch_providers(with_failed(world, placement, 2))
    assert found(world, placement.id).status is PlacementStatus.PROVISIONING


def test_servers_that_are_up_again_by_themselves_are_not_called_lost_any_more(world: World) -> None:
    reservation, placement = running(world, 4)
    settled(world, place(world, reservation.id, 4))
    services = with_failed(world, placement, 2)
    watch_providers(services)
    for _ in range(5):
        settle_placement(services, ORGANIZATION, placement.id)
        world.clock.advance(5)
    lacking = found(world, placement.id)
    assert (lacking.status, lacking.failure is None) == (PROVISIONED, False)
    watch_providers(services)
    assert found(world, placement.id) == lacking

    assert watch_providers(world.services).amiss == 1
    again = settled(world, placement)
    assert (again.status, again.failure, again.moved) == (PROVISIONED, None, ())
    assert watch_providers(world.services).amiss == 0
    for ordinal in range(4):
        lose_server(world, placement, ordinal)
    watch_providers(world.services)
    assert found(world, placement.id).status is PlacementStatus.PROVISIONING


def test_a_placement_that_lacks_a_host_is_left_alone_until_there_is_one(world: World) -> None:
    reservation, placement = running(world, 4)
    other = settled(world, place(world, reservation.id, 4))
    lose_server(world, placement, 0)
    watch_providers(world.services)
    assert settled(world, placement).failure is not None
    before = found(world, placement.id)
    watch_providers(world.services)
    assert found(world, placement.id) == before
    after = stored(world, reservation.id)
    freed = replace(after, occupied={placement.id: after.occupied[placement.id]})
    world.services.reservations.change(after, freed)
    for server in world.services.provider.servers(other.server_owner):
        remove(world, HOSTS.server(other.server_owner, server.host_id))
        world.db.update_item(
            TableName=SERVERS,
            Key=HOSTS.host(server.host_id),
            UpdateExpression="REMOVE #server",
            ExpressionAttributeNames={"#server": "server"},
        )
    watch_providers(world.services)
    healed = settled(world, placement)
    assert (healed.status, healed.failure) == (PROVISIONED, None)


def test_a_stopped_server_is_not_amiss(world: World) -> None:
    _, placement = running(world)
    (first, *_) = world.services.provider.servers(placement.server_owner)
    world.services.provider.power(placement.server_owner, first.host_id, PowerAction.STOP)
    assert watch_providers(world.services).amiss == 0


def test_a_delete_at_the_same_time_blames_no_host(world: World) -> None:
    reservation = provisioned(world, 2)
    host_id = hosts_of(reservation)[0]
    lose_hold(world, reservation, host_id)
    provider = world.services.provider

    def hold(owner: str, region_id: str, hosts: list[str]) -> Any:
        delete(world, reservation.id)
        provider.fence(owner)
        return provider.hold(owner, region_id, hosts)

    services, _ = through(world, hold=hold)
    watch_providers(services)
    assert quarantined(world) == {}


def test_a_vm_whose_server_is_gone_goes_offline_and_comes_back_under_a_new_run() -> None:
    scene = Scene()
    vm = scene.running(2)
    assert watch_providers(scene.world.services).amiss == 0
    scene.world.services.vm_provider.stop(vm.server_owner)
    scene.world.clock.advance(60)
    assert watch_providers(scene.world.services).amiss == 1
    lost = scene.now(vm)
    assert (lost.status, lost.runs) == (VmStatus.OFFLINE, vm.runs + 1)
    watch_vm_nodes(scene.world.services)
    scene.engine.settle()
    back = scene.now(vm)
    assert back.status is VmStatus.RUNNING
    assert back.server_owner != vm.server_owner
    assert (back.host_id, back.gpus) == (vm.host_id, vm.gpus)
    assert scene.audit(at_rest=True) == []


def test_what_nobody_owns_is_reported_with_its_age_from_its_second_sighting_on(world: World) -> None:
    world.services.provider.hold("0c9d5b0e-0000-4000-8000-000000000001-1", REGION, ["pod1-rack00-tray00"])
    began = world.clock.now()
    world.clock.advance(600)
    assert watch_providers(world.services).unowned == 1
    assert not [m for m, _ in world.telemetry.lines if m == "a provider has what nobody owns"]
    world.clock.advance(60)
    assert watch_providers(world.services).unowned == 1
    ((_, details),) = [line for line in world.telemetry.lines if line[0] == "a provider has what nobody owns"]
    assert details["age_seconds"] == world.clock.now() - began
    assert "pod1-rack00-tray00" in str(details["what"])
    # It is only reported.
    assert len(world.services.provider.held("0c9d5b0e-0000-4000-8000-000000000001-1")) == 1


def test_what_has_an_owner_again_is_forgotten(world: World) -> None:
    world.services.watch.write(Sighted(None, {"hold of nobody-1 on somewhere": 5}))
    watch_providers(world.services)
    assert world.services.watch.read() == Sighted(None, {})


def test_a_run_without_time_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH", 1)
    first, second = provisioned(world, 1), provisioned(world, 1)
    lose_hold(world, first, hosts_of(first)[0])
    lose_hold(world, second, hosts_of(second)[0])
    left = [1000.0] * 12
    deadline = Deadline.none()
    monkeypatch.setattr(Deadline, "remaining_seconds", lambda _self: left.pop() if left else 0.0)
    services = replace(world.services, deadline=deadline)
    while len(left) > 8:
        left.pop()
    reports = []
    for _ in range(12):
        reports.append(watch_providers(services))
        if reports[-1].complete:
            break
        left[:] = [1000.0] * 8
    assert sum(report.looked_at for report in reports) >= 2
    assert reports[-1].complete
    assert world.telemetry.counts["HoldsRenewed"] == 2


def test_a_provider_that_does_not_list_is_asked_about_each_holder(world: World) -> None:
    _, placement = running(world)
    lose_server(world, placement, 1)

    def silent(_after: str | None = None) -> Any:
        raise ProviderUnavailable("too many")

    services, lens = through(world, every_server=silent)
    assert watch_providers(services).amiss == 1
    assert {"held", "servers"} <= set(lens.calls)
    assert found(world, placement.id).status is PlacementStatus.PROVISIONING


def test_a_provider_that_does_not_answer_about_one_holder_does_not_keep_the_others_waiting(
    world: World,
) -> None:
    first, second = provisioned(world, 1), provisioned(world, 1)
    for reservation in (first, second):
        lose_hold(world, reservation, hosts_of(reservation)[0])
    provider = world.services.provider

    def held(owner: str) -> Any:
        if owner == first.server_owner:
            raise ProviderUnavailable("no answer")
        return provider.held(owner)

    services, _ = through(world, held=held)
    assert watch_providers(services).amiss == 1
    assert watch_providers(world.services).amiss == 1


def test_the_item_survives_a_round_trip(world: World) -> None:
    entry = next(iter(world.services.held.entries([REGION])), None)
    assert entry is None
    provisioned(world, 1)
    (entry,) = world.services.held.entries([REGION])
    sighted = Sighted(entry, {"a": 1, "b": 2})
    world.services.watch.write(sighted)
    assert world.services.watch.read() == sighted
    assert keys.watch() == {"pk": {"S": "WATCH"}, "sk": {"S": "CURSOR"}}
