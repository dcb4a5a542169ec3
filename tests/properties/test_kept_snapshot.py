"""The snapshot that an environment keeps after its own writes equals a fresh read, field by field."""

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
    """Whether the environment keeps a snapshot, and it equals what another one reads."""
    kept, fresh = services.inventory.snapshot(region_id, flavor_id)
    assert not fresh
    return kept == world.environment().inventory.fresh_snapshot(region_id, flavor_id)


@examples(60)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=3), st.lists(SIZES, min_size=1, max_size=12))
@example(pods=[8], sizes=[1, 1])
def test_the_snapshot_kept_after_own_reservations_equals_a_fresh_read(
    pods: list[int], sizes: list[int]
) -> None:
    """Without a read in between: each decision is made on the snapshot kept after the one before."""
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
def test_the_snapshot_kept_among_reservations_and_instances_of_others_equals_a_fresh_read(
    acts: list[tuple[str, int]], answers: str
) -> None:
    """Others act through environments of their own; this one reads, then writes itself."""
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
        # After an owning write that timed out a snapshot is kept as well: the write is retried until it is
        # answered.
        lost = world.db.after("update_item", timeout_after()) if answers == "unseen" else None
        with suppress(InsufficientCapacity):
            held.append(reserve_in(world, 1 + size % 2, LONDON, mine))
        if lost is not None:
            lost.cancel()
        assert same_as_read(world, mine, LONDON, GB300.id)


@examples(30)
@given(st.lists(st.sampled_from([1, 2, 4, 8]), max_size=6), st.integers(1, 3))
def test_the_snapshot_kept_among_vms_equals_a_fresh_read(gpus: list[int], count: int) -> None:
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
def test_the_snapshot_kept_after_lost_races_equals_a_fresh_read(others: list[int], size: int) -> None:
    """This environment's snapshot shows the region empty; after a lost race it has the whole pod."""
    world = World(pods=(pod("pod1", 8), pod("pod2", 7)))
    mine = world.services
    mine.inventory.snapshot(REGION, GB300.id)
    rival = world.environment()
    for count in others:
        with suppress(InsufficientCapacity):
            create_reservation(rival, caller(), request(count))

    try:
        placement = create_reservation(mine, caller(), request(size)).reservation.runs[0].placement
    except InsufficientCapacity:
        assert same_as_read(world, mine, REGION, GB300.id)
        return
    if world.telemetry.counts["ClaimRacesLost"]:
        kept, _ = mine.inventory.snapshot(REGION, GB300.id)
        read = world.environment().inventory.fresh_snapshot(REGION, GB300.id)
        assert kept.ownership[placement.pod_id] == read.ownership[placement.pod_id]
