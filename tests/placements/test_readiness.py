"""Which hosts a placement gets by their readiness, and by what the inventory and the provider say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import (
    HostsUnavailable,
    ProviderUnavailable,
    TryAgain,
)
from gpu_capacity.inventory.model import HostState
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.record import Constraints
from testkit.placements import place, provisioned, wish
from testkit.reservations import stored
from testkit.world import REGION, World, caller, pod, rack
from tests.placements.creating import create, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.runtime.services import Services


class Fitness:
    """A provider that lists no server, and says of some hosts that they are not ready."""

    def __init__(self, provider: Any, unfit: Sequence[str] = (), *, silent: bool = False) -> None:
        self._provider, self._unfit, self._silent = provider, unfit, silent

    def fitness(self, host_ids: Sequence[str]) -> Any:
        if self._silent:
            raise ProviderUnavailable("no answer")
        fit = self._provider.fitness(host_ids)
        not_ready = replace(next(iter(fit.values())), readiness="NotReady")
        return {host: not_ready if host in self._unfit else fit[host] for host in fit}


def asking(world: World, **options: Any) -> Services:
    return replace(world.services, provider=Fitness(world.services.provider, **options))  # type: ignore[arg-type]


def unready(reservation: Any) -> list[str]:
    first = reservation.positions[0]
    return [f"pod1-rack{first:02}-tray{slot:02}" for slot in (0, 1)]


@pytest.mark.parametrize("mode", [None, *Readiness])
def test_fit_hosts_of_each_unit_stay_free_as_spares(world: World, mode: Readiness | None) -> None:
    reservation = provisioned(world, 2, spare_hosts_per_unit=1)
    services = asking(world, unfit=unready(reservation))
    refused = 8 - 2 + 1 - (2 if mode is Readiness.REQUIRE else 0)
    with pytest.raises(HostsUnavailable) as refusal:
        create_placement(services, caller(), wish(reservation.id, refused, readiness=mode))
    assert (refusal.value.reason.spare, refusal.value.reason.kept) == (2, 2)

    create_placement(services, caller(), wish(reservation.id, refused - 1, readiness=mode))
    taken = stored(world, reservation.id).occupied_hosts
    unfit = {host[-2:] for host in unready(reservation)}
    left = [
        [slot for slot in range(4) if not taken[position] >> slot & 1 and f"{slot:02}" not in unfit]
        for position in reservation.positions
    ]
    assert [len(slots) for slots in left] == [1, 1]


@pytest.mark.parametrize("mode", [None, Readiness.PREFER, Readiness.REQUIRE])
def test_ready_hosts_come_first(world: World, mode: Readiness | None) -> None:
    reservation = provisioned(world, 1)
    services = asking(world, unfit=unready(reservation))

    made = create_placement(services, caller(), wish(reservation.id, 2, readiness=mode)).placement
    assert [slot for _, _, slot in made.slots()] == [2, 3]


def test_only_with_require_hosts_that_are_not_ready_are_not_taken(world: World) -> None:
    reservation = provisioned(world, 1)
    services = asking(world, unfit=unready(reservation))

    with pytest.raises(HostsUnavailable) as caught:
        create_placement(services, caller(), wish(reservation.id, 3, readiness=Readiness.REQUIRE))
    assert (caught.value.reason.free, caught.value.reason.ready) == (4, 2)
    create_placement(services, caller(), wish(reservation.id, 3))
    create_placement(services, caller(), wish(reservation.id, 1, readiness=Readiness.IGNORE))


def test_a_host_that_is_not_in_service_is_not_ready_and_a_missing_one_is_not_there(world: World) -> None:
    reservation = provisioned(world, 1)
    (position,) = reservation.positions
    states = {0: HostState.MISSING, 1: HostState.UNHEALTHY}
    racks = tuple(rack("pod1", n, hosts=4, states=states if n == position else None) for n in range(8))
    world.load((replace(pod("pod1", 8, hosts=4, version=2), domains=racks),))

    with pytest.raises(HostsUnavailable) as caught:
        place(world, reservation.id, 3, readiness=Readiness.REQUIRE)
    assert (caught.value.reason.hosts, caught.value.reason.ready) == (3, 2)
    assert [slot for _, _, slot in place(world, reservation.id, 3).slots()] == [1, 2, 3]


def test_a_host_in_quarantine_is_not_ready(world: World) -> None:
    reservation = provisioned(world, 1)
    (position,) = reservation.positions
    world.services.quarantine.set(REGION, f"pod1-rack{position:02}-tray00", "does not boot")

    with pytest.raises(HostsUnavailable) as caught:
        place(world, reservation.id, 4, readiness=Readiness.REQUIRE)
    assert (caught.value.reason.hosts, caught.value.reason.ready) == (4, 3)
    assert [slot for _, _, slot in place(world, reservation.id, 3).slots()] == [1, 2, 3]


def test_a_unit_whose_only_taken_host_is_missing_is_not_whole(world: World) -> None:
    """Spread leaves whole units alone as long as it can: they can be released."""
    reservation = provisioned(world, 2)
    ((_, position, slot),) = place(world, reservation.id).slots()
    racks = tuple(
        rack("pod1", n, hosts=4, states={slot: HostState.MISSING} if n == position else None)
        for n in range(8)
    )
    world.load((replace(pod("pod1", 8, hosts=4, version=2), domains=racks),))

    beside = place(world, reservation.id, constraints=Constraints(Policy.SPREAD))
    assert [used for _, used, _ in beside.slots()] == [position]


def test_without_an_answer_of_the_provider_only_require_has_to_wait(world: World) -> None:
    reservation = provisioned(world, 1)
    services = asking(world, silent=True)

    with pytest.raises(TryAgain):
        create_placement(services, caller(), wish(reservation.id, readiness=Readiness.REQUIRE))
    create_placement(services, caller(), wish(reservation.id))
    assert records(world) == 1


def test_hosts_that_cannot_be_read_are_not_taken_for_occupied_ones(world: World) -> None:
    reservation = provisioned(world, 1)
    world.db.delete_item(TableName="inventory", Key={"pk": {"S": f"HOSTS#{REGION}"}, "sk": {"S": "POD#pod1"}})

    with pytest.raises(TryAgain, match="could not be read"):
        create(world, reservation.id, services=world.environment())
