"""Hardware that changes between the read and the write of a request, or under an existing reservation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import InsufficientCapacity, NotFound, StorageUnavailable
from gpu_capacity.inventory.model import HostState, Pod
from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.read import UnitFilter, get_reservation, list_reservation_units
from testkit.auditor import audit, units_held
from testkit.reservations import NOWHERE, reserve
from testkit.world import GB300, REGION, World, caller, pod, rack, request

if TYPE_CHECKING:
    from collections.abc import Callable

WRITE = "update_item"


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 4),))


def _changed(version: int, *positions: int, state: HostState = HostState.UNHEALTHY, hosts: int = 1) -> Pod:
    """pod1 with hosts of some racks in another state."""
    domains = tuple(
        rack("pod1", n, states=dict.fromkeys(range(hosts), state)) if n in positions else rack("pod1", n)
        for n in range(4)
    )
    return replace(pod("pod1", 4, version=version), domains=domains)


def _sync(world: World, changed: Pod) -> Callable[[str, dict[str, Any]], None]:
    return lambda _operation, _parameters: world.load((changed,))


def test_a_request_is_placed_elsewhere_if_its_rack_breaks_before_the_write(world: World) -> None:
    world.db.before(WRITE, _sync(world, _changed(2, 1, 2)))

    observed = reserve(world, 1)

    assert observed.reservation.positions[0] in (0, 3)
    assert world.telemetry.counts["ClaimRacesLost"] == 1
    assert observed.health is Health.HEALTHY


def test_a_request_is_refused_if_too_few_adjacent_racks_still_work(world: World) -> None:
    world.db.before(WRITE, _sync(world, _changed(2, 1)))

    with pytest.raises(InsufficientCapacity) as caught:
        reserve(world, 3)
    assert (caught.value.reason.largest_run, caught.value.reason.incomplete) == (2, 1)
    assert units_held(world.db) == 0


def test_a_kept_snapshot_never_places_on_hardware_that_has_broken_since(world: World) -> None:
    world.services.inventory.snapshot(REGION, GB300.id)
    world.load((_changed(2, 0, 1, 2),))

    assert list(world.owners("pod1")) == []
    placement = reserve(world, 1).reservation.runs[0].placement
    assert placement.start == 3


def test_the_hash_is_of_the_topology_at_the_time_of_the_write(world: World) -> None:
    replaced = replace(
        pod("pod1", 4, version=2),
        domains=tuple(
            replace(domain, hosts=tuple(replace(host, id=host.id + "-new") for host in domain.hosts))
            for domain in pod("pod1", 4).domains
        ),
    )
    world.db.before(WRITE, _sync(world, replaced))

    observed = reserve(world, 4)
    shown = get_reservation(world.services, caller(), observed.reservation.id, NOWHERE)

    assert observed.topology_hash == shown.topology_hash
    undisturbed = World(pods=(pod("pod1", 4),))
    assert reserve(undisturbed, 4).topology_hash != observed.topology_hash


def test_a_topology_that_changes_before_every_write_ends_the_retries_at_their_limit(world: World) -> None:
    versions = iter(range(2, 200))
    world.db.before(WRITE, lambda *_: world.load((pod("pod1", 4, version=next(versions)),)), times=None)

    with pytest.raises(Exception, match="won every attempt"):
        reserve(world, 1)
    assert units_held(world.db) == 0


def test_a_pod_that_changes_between_snapshot_and_hosts_is_read_again(world: World) -> None:
    world.services.inventory.snapshot(REGION, GB300.id)
    world.db.before("batch_get_item", _sync(world, _changed(2, 3)))

    observed = reserve(world, 3)

    assert observed.reservation.positions[0] == 0


def test_a_topology_that_changes_between_every_two_reads_raises_race_lost(world: World) -> None:
    versions = iter(range(2, 200))
    world.db.before("query", lambda *_: world.load((pod("pod1", 4, version=next(versions)),)), times=None)

    with pytest.raises(StorageUnavailable, match="changed while it was read"):
        reserve(world, 1)
    assert units_held(world.db) == 0


def test_hosts_are_read_again_while_their_pod_keeps_changing(world: World) -> None:
    versions = iter(range(2, 200))
    world.db.before(
        "batch_get_item", lambda *_: world.load((pod("pod1", 4, version=next(versions)),)), times=None
    )

    assert reserve(world, 1).reservation.owned_units == 1


def test_a_request_that_did_not_fit_finds_new_hardware(world: World) -> None:
    with pytest.raises(InsufficientCapacity):
        reserve(world, 6)
    world.load((pod("pod1", 6, version=2),))

    assert reserve(world, 6).reservation.owned_units == 6


# The health of a reservation follows its hardware.


def _shown(world: World, reservation_id: str) -> Health:
    return get_reservation(world.services, caller(), reservation_id, NOWHERE).health


@pytest.mark.parametrize(
    "state", [HostState.UNHEALTHY, HostState.OUT_OF_SERVICE, HostState.MISSING], ids=lambda s: s.value
)
def test_health_is_degraded_with_some_hosts_lost_and_an_error_with_all(
    world: World, state: HostState
) -> None:
    reservation_id = reserve(world, 4).reservation.id
    assert _shown(world, reservation_id) is Health.HEALTHY

    world.load((_changed(2, 1, state=state),))
    assert _shown(world, reservation_id) is Health.DEGRADED

    world.load((_changed(3, 0, 1, 2, 3, state=state, hosts=2),))
    assert _shown(world, reservation_id) is Health.ERROR

    world.load((pod("pod1", 4, version=4),))
    assert _shown(world, reservation_id) is Health.HEALTHY


def test_hardware_lost_outside_a_reservation_does_not_affect_it(world: World) -> None:
    observed = reserve(world, 2)
    placement = observed.reservation.runs[0].placement
    others = [position for position in range(4) if position not in placement.positions]

    world.load((_changed(2, *others),))

    assert _shown(world, observed.reservation.id) is Health.HEALTHY


def test_lost_hardware_stays_owned_and_is_not_sold_to_others(world: World) -> None:
    reservation_id = reserve(world, 4).reservation.id
    world.load((_changed(2, 0, 1, 2, 3),))

    with pytest.raises(InsufficientCapacity):
        create_reservation(world.environment(), caller(), request(1))
    ((_, counts),) = list_reservation_units(world.services, caller(), UnitFilter())
    assert (counts.total, counts.available) == (0, 0)
    assert len(world.owners("pod1")) == 4
    assert _shown(world, reservation_id) is Health.DEGRADED
    assert audit(world.db) == []


def test_the_hash_changes_with_the_owned_hosts_and_only_with_them(world: World) -> None:
    reservation_id = reserve(world, 4).reservation.id

    def shown() -> str | None:
        return get_reservation(world.services, caller(), reservation_id, NOWHERE).topology_hash

    before = shown()
    world.load((_changed(2, 1),))
    assert shown() == before

    racks = list(pod("pod1", 4).domains)
    swapped = replace(racks[1].hosts[0], id="spare-1")
    racks[1] = replace(racks[1], hosts=(swapped, racks[1].hosts[1]))
    world.load((replace(pod("pod1", 4, version=3), domains=tuple(racks)),))
    assert shown() != before


def test_a_pod_missing_from_the_inventory_leaves_health_unknown(world: World) -> None:
    observed = reserve(world, 2)
    for key in (keys.hosts(REGION, "pod1"), keys.shape(REGION, GB300.id, "pod1")):
        world.db.delete_item(TableName="inventory", Key=key)

    shown = get_reservation(world.services, caller(), observed.reservation.id, NOWHERE)

    assert shown.health is Health.UNKNOWN
    assert shown.topology_hash == observed.topology_hash
    assert shown.observed_at is None


def test_the_time_of_observation_is_the_latest_of_the_region(world: World) -> None:
    reservation_id = reserve(world).reservation.id
    world.load((), (replace(world.regions[0], observed_at=1_780_009_999),))

    shown = get_reservation(world.services, caller(), reservation_id, NOWHERE)

    assert shown.observed_at == 1_780_009_999


def test_a_region_that_left_the_fleet_is_not_found_rather_than_full(world: World) -> None:
    reserve(world)
    [region] = world.regions
    world.load((), (replace(region, withdrawn=True),))
    world.load((replace(pod("pod1", 0), version=9),))

    for dry_run in (False, True):
        with pytest.raises(NotFound):
            create_reservation(world.services, caller(), request(1), dry_run=dry_run)


def test_a_region_that_left_the_fleet_does_not_exist_for_an_operators_new_reservation(world: World) -> None:
    [region] = world.regions
    world.load((), (replace(region, withdrawn=True),))
    operator = caller(permissions=caller().permissions | {Permission.OPERATE})

    with pytest.raises(NotFound):
        create_reservation(world.services, operator, request(1))
