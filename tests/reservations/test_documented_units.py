"""The units in docs/access-patterns.md, measured as that document says: 16 pods with 8 racks of 18 hosts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.errors import InsufficientCapacity
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.read import get_reservation
from gpu_capacity.reservations.release_units import release_units
from testkit.reservations import NOWHERE, provision, unit_release
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "access-patterns.md"
UNITS: Final = re.compile(r"\d+(\.5)?")
KEY: Final = "0b6f2f0e-5b0e-4a52-9f39-2f4f0d7f6a11"

Act = Callable[[World], None]


def documented(pattern: str) -> tuple[float, float]:
    """The (read, write) units of a row under "Requests": the first number of each cell."""
    text = DOCUMENT.read_text().split("\n## Requests\n", 1)[1].split("\n## ", 1)[0]
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {pattern} |"))
    read, write = (UNITS.search(cell) for cell in row.strip("| ").split(" | ")[2:4])
    assert read is not None
    assert write is not None
    return float(read[0]), float(write[0])


@pytest.fixture
def world() -> World:
    """Pods with names of 20 characters, for which the document states item sizes."""
    return World(pods=tuple(pod(f"pod-{n:016}", 8, hosts=18) for n in range(16)))


def warm(world: World, racks: int = 2) -> Services:
    """An environment that has served a request in every pod that it may choose."""
    for each in world.pods:
        world.services.inventory.pod_at(each.region_id, each.id, each.version)
    create_reservation(world.services, caller(), request(racks))
    return world.services


def units(world: World, act: Callable[[], object]) -> tuple[float, float]:
    read, write = world.db.read_units, world.db.write_units
    act()
    return world.db.read_units - read, world.db.write_units - write


@pytest.mark.parametrize("racks", [2, 8])
def test_create_warm(world: World, racks: int) -> None:
    services = warm(world)

    assert units(world, lambda: create_reservation(services, caller(), request(racks))) == documented(
        "create, warm"
    )


def test_create_with_a_quota(world: World) -> None:
    world.set_quota(72)
    services = warm(world)

    assert units(world, lambda: create_reservation(services, caller(), request(2))) == documented(
        "… with a quota that was seen before"
    )


def test_create_cold(world: World) -> None:
    warm(world)
    fresh = world.environment()

    assert units(world, lambda: create_reservation(fresh, caller(), request(2))) == documented("… cold")


def test_a_repeat_under_the_key(world: World) -> None:
    services = warm(world)
    create_reservation(services, caller(), request(2), idempotency_key=KEY)

    assert units(
        world, lambda: create_reservation(services, caller(), request(2), idempotency_key=KEY)
    ) == documented("a repeat under the key")


def test_a_release_of_units(world: World) -> None:
    services = warm(world)
    made = create_reservation(services, caller(), request(2)).reservation
    provision(world, made.id)
    wanted = unit_release(services, made, 0)

    assert units(
        world, lambda: release_units(services, caller(), made.id, NOWHERE, lambda: wanted)
    ) == documented("release units")


def test_a_refusal_for_capacity(world: World) -> None:
    services = warm(world)

    def refused() -> None:
        with pytest.raises(InsufficientCapacity):
            create_reservation(services, caller(), request(9))

    assert units(world, refused) == documented("… refused for capacity (507)")


def test_a_refusal_that_looks_up_claiming_records(world: World) -> None:
    services = warm(world)
    for _ in range(15):
        create_reservation(services, caller(), request(8))
    create_reservation(services, caller(), request(6))
    young, (read, write) = 17, documented("… refused for capacity (507)")
    more, _ = documented("… although there would be room without the bookings of the last 10 minutes")

    def refused() -> None:
        with pytest.raises(InsufficientCapacity):
            create_reservation(services, caller(), request(1))

    assert units(world, refused) == (read + more + young, write)


def test_a_dry_run(world: World) -> None:
    services = warm(world)

    assert units(
        world, lambda: create_reservation(services, caller(), request(2), dry_run=True)
    ) == documented("… with `dryRun`")


def test_get(world: World) -> None:
    services = warm(world)
    made = create_reservation(services, caller(), request(2)).reservation
    per_organization, write = documented("get")

    read, written = units(world, lambda: get_reservation(services, caller(), made.id, frozenset()))
    assert (read, written) == (per_organization + 1, write)


def test_delete_while_it_is_pending(world: World) -> None:
    services = warm(world)
    made = create_reservation(services, caller(), request(2)).reservation
    world.clock.advance(5)  # In the same second the index entry would not change.

    assert units(world, lambda: delete_reservation(services, caller(), made.id, frozenset())) == documented(
        "delete, `pending` or `provisioning`"
    )
