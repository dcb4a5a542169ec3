"""Rivals for the hosts of one reservation, in every order of their calls: what was taken is taken once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.errors import CapacityError, HostsUnavailable, QuotaExceeded, StateConflict
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.holders.store import HolderStore
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.placements import create
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.record import Status
from testkit.interleaving import every_interleaving
from testkit.placements import place, provisioned, wish
from testkit.reservations import NOWHERE, stored
from testkit.world import ORGANIZATION, World, caller, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.writes import Put
    from gpu_capacity.runtime.services import Services

    Rival = Callable[[World, Services, str], object]

INTERRUPTIONS_MAX: Final = 2


def small() -> tuple[World, str]:
    """A reservation with four hosts, whose topology the first environment knows."""
    world = World(pods=(pod("pod1", 2, hosts=4),), trusting=True)
    return world, provisioned(world, 1).id


def take(count: int) -> Rival:
    return lambda _world, services, reservation: (
        create_placement(services, caller(), wish(reservation, count)).placement
    )


def end_reservation(_world: World, services: Services, reservation: str) -> None:
    delete_reservation(services, caller(), reservation, NOWHERE)


def limit_to_two(_world: World, services: Services, _reservation: str) -> object:
    return QuotaSetter.of(services, "operator").set(ORGANIZATION, PLACEMENT_SERVERS, 2)


def run_all(*rivals: Rival) -> list[tuple[World, str, list[object]]]:
    """Each order: the world afterwards, the reservation, and how each rival ended."""
    ended = []
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world, reservation = small()
        clients = [partial(rival, world, world.environment(), reservation) for rival in rivals]
        ended.append((world, reservation, schedule.run(world.db, clients)))
    return ended


def consistent(world: World, reservation_id: str) -> dict[str, Placement]:
    """The placements that there are; what the reservation keeps is theirs, and no host twice."""
    placements = {p.id: p for p in world.services.placements.every(ORGANIZATION)}
    reservation = stored(world, reservation_id)
    assert reservation.occupied == {p.id: p.hosts for p in placements.values()}
    assert sum(mask.bit_count() for mask in reservation.occupied_hosts.values()) == sum(
        p.count for p in placements.values()
    )
    return placements


def test_two_placements_never_share_a_host_and_both_succeed_where_there_is_room() -> None:
    found = run_all(take(2), take(2))

    assert len(found) > 10
    for world, reservation, results in found:
        assert all(isinstance(result, Placement) for result in results), results
        assert len(consistent(world, reservation)) == 2


def test_of_two_that_want_more_than_there_is_exactly_one_succeeds() -> None:
    for world, reservation, results in run_all(take(3), take(2)):
        (made,) = consistent(world, reservation).values()
        assert [result for result in results if isinstance(result, Placement)] == [made]
        assert sum(isinstance(result, HostsUnavailable) for result in results) == 1


def test_a_placement_and_a_delete_of_its_reservation_exclude_or_know_each_other() -> None:
    """After the delete nothing is placed; what was placed before it is in the record that it tears down."""
    outcomes = set()
    for world, reservation, results in run_all(take(2), end_reservation):
        assert stored(world, reservation).status is Status.DEPROVISIONING
        assert len(consistent(world, reservation)) == isinstance(results[0], Placement)
        outcomes.add(type(results[0]))
    assert outcomes == {Placement, StateConflict}


def test_a_limit_that_is_set_meanwhile_counts_every_placement() -> None:
    for world, reservation, results in run_all(take(2), limit_to_two):
        placements = consistent(world, reservation)
        assert isinstance(results[0], Placement), results
        assert all(placement.counted for placement in placements.values())
        assert world.quota_used(PLACEMENT_SERVERS) == 2
        with pytest.raises(QuotaExceeded):
            create_placement(world.environment(), caller(), wish(reservation, 1))


def test_without_the_second_read_of_the_quota_a_placement_would_not_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This shows that the test above detects the mistake."""
    monkeypatch.setattr(create, "confirm", lambda *_: None)

    assert any(
        not placement.counted
        for world, reservation, _ in run_all(take(2), limit_to_two)
        for placement in consistent(world, reservation).values()
    )


def test_without_the_condition_on_the_reservation_hosts_would_be_taken_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This shows that the tests above detect the mistake."""
    beside = HolderStore.change_beside

    def unconditional(*arguments: Any) -> Put:
        return replace(beside(*arguments), condition=None, names={}, values={})

    monkeypatch.setattr(HolderStore, "change_beside", unconditional)
    wrong = 0
    for world, reservation, _ in run_all(take(2), take(2)):
        try:
            consistent(world, reservation)
        except AssertionError:
            wrong += 1
    assert wrong


def test_two_deletes_of_a_placement_begin_one_teardown() -> None:
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        world, reservation = small()
        placement = place(world, reservation, 2)
        started = len(world.workflows)
        clients = [
            partial(delete_placement, world.environment(), caller(), placement.id, NOWHERE) for _ in range(2)
        ]
        results = schedule.run(world.db, clients)
        assert not any(isinstance(result, CapacityError) for result in results)
        (going,) = consistent(world, reservation).values()
        assert going.status is PlacementStatus.DEPROVISIONING
        assert len(world.workflows) == started + 1
