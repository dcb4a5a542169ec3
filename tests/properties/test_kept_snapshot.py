"""What an environment keeps of a region after its own writes is what a fresh read gives, field by field."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from gpu_capacity.errors import ActionRefused, InsufficientCapacity
from gpu_capacity.reservations.create import create_reservation
from testkit.claims import LONDON, claim, drop, release
from testkit.claims import reserve as reserve_in
from testkit.dynamodb import timeout_after
from testkit.searching import examples
from testkit.vms.scene import GPU5090, Scene
from testkit.vms.scene import REGION as VM_REGION
from testkit.world import GB300, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services

SIZES = st.integers(1, 5)


def same_as_read(world: World, services: Services, region_id: str, flavor_id: str) -> bool:
    """Whether the environment keeps something, and that is what another one reads."""
    kept, fresh = services.inventory.snapshot(region_id, flavor_id)
    assert not fresh
    return kept == world.environment().inventory.fresh_snapshot(region_id, flavor_id)


@examples(60)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=3), st.lists(SIZES, min_size=1, max_size=12))
@example(pods=[8], sizes=[1, 1])
def test_what_is_kept_after_each_of_its_own_reservations(pods: list[int], sizes: list[int]) -> None:
    """No read in between: each decision is made on what was kept after the one before."""
    world = World(pods=tuple(pod(f"pod{n}", racks) for n, racks in enumerate(pods)))
    for size in sizes:
        with suppress(InsufficientCapacity):
            create_reservation(world.services, caller(), request(size))
        assert same_as_read(world, world.services, REGION, GB300.id)


ACTS = st.lists(
    st.tuples(st.sampled_from(["reserve", "reserve", "claim", "end", "drop"]), SIZES), min_size=1, max_size=12
)


@examples(40)
@given(ACTS, st.sampled_from(["seen", "unseen"]))
def test_what_is_kept_among_reservations_and_instances_of_others(
    acts: list[tuple[str, int]], answers: str
) -> None:
    """Others act through environments of their own; this one reads what they did, then writes itself."""
    world = World(pods=(pod("lon1", 6), pod("lon2", 5)))
    held, claims = [], []
    for act, size in acts:
        if act == "reserve":
            with suppress(InsufficientCapacity):
                held.append(reserve_in(world, size, LONDON, world.environment()))
        elif act == "claim":
            claims.append(claim(world, size, LONDON))
        elif act == "end" and held:
            release(world, held.pop(size % len(held)))
        elif claims:
            drop(world, claims.pop(size % len(claims)))
        mine = world.environment()
        mine.inventory.fresh_snapshot(LONDON, GB300.id)
        # What is kept after it holds all the same: a write is sent again until its answer is seen.
        lost = world.db.after("update_item", timeout_after()) if answers == "unseen" else None
        with suppress(InsufficientCapacity):
            held.append(reserve_in(world, 1 + size % 2, LONDON, mine))
        if lost is not None:
            lost.cancel()
        assert same_as_read(world, mine, LONDON, GB300.id)


@examples(30)
@given(st.lists(st.sampled_from([1, 2, 4, 8]), max_size=6), st.integers(1, 3))
def test_what_is_kept_beside_nodes_that_are_rented_in_parts(gpus: list[int], count: int) -> None:
    scene = Scene(count=4)
    for n, size in enumerate(gpus):
        with suppress(ActionRefused):
            scene.create(size, node=f"vm0{1 + n % 4}")
    mine = scene.world.environment()
    mine.inventory.fresh_snapshot(VM_REGION, GPU5090.id)
    wanted = request(count, region_id=VM_REGION, accelerator="5090", unit="NODE")

    with suppress(InsufficientCapacity):
        create_reservation(mine, caller(), wanted)

    assert same_as_read(scene.world, mine, VM_REGION, GPU5090.id)


@examples(30)
@given(st.lists(SIZES, min_size=1, max_size=6), SIZES)
def test_what_is_kept_after_lost_races(others: list[int], size: int) -> None:
    """This environment believes the region empty; after a lost race it knows all of its pod."""
    world = World(pods=(pod("pod1", 8), pod("pod2", 7)))
    mine = world.services
    mine.inventory.snapshot(REGION, GB300.id)
    rival = world.environment()
    for count in others:
        with suppress(InsufficientCapacity):
            create_reservation(rival, caller(), request(count))

    try:
        placement = create_reservation(mine, caller(), request(size)).reservation.placement
    except InsufficientCapacity:
        assert same_as_read(world, mine, REGION, GB300.id)
        return
    assert placement is not None
    if world.telemetry.counts["ClaimRacesLost"]:
        kept, _ = mine.inventory.snapshot(REGION, GB300.id)
        read = world.environment().inventory.fresh_snapshot(REGION, GB300.id)
        assert kept.ownership[placement.pod_id] == read.ownership[placement.pod_id]
