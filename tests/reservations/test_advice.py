"""Advice: it says what a dry run of a create would, at the same moment, and why it would not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, InsufficientCapacity, InvalidRequest, QuotaExceeded
from gpu_capacity.reservations.advice import Advice, Obstacle, Remedy, advise
from gpu_capacity.reservations.create import create_reservation
from testkit.reservations import reserve
from testkit.searching import examples
from testkit.world import ORGANIZATION, REGION, World, caller, pod, request, zone

ELSEWHERE = "us-chi-1"
RACKS = {"pod1": 4, "pod2": 3}


def _world() -> World:
    pods = (*(pod(name, racks) for name, racks in RACKS.items()), pod("pod3", 2, region_id=ELSEWHERE))
    return World(pods=pods)


def _ask(world: World, count: int, *regions: str) -> list[Advice]:
    return advise(
        world.services, caller(), ORGANIZATION, ("GB300", "NVL72", count), regions=frozenset(regions)
    )


def _succeeds(world: World, count: int, region_id: str) -> bool:
    wanted = request(count, region_id=region_id)
    try:
        create_reservation(world.services, caller(), wanted, dry_run=True)
    except (InsufficientCapacity, QuotaExceeded):
        return False
    return True


@examples(60)
@given(
    taken=st.lists(st.tuples(st.sampled_from([REGION, ELSEWHERE]), st.integers(1, 2)), max_size=4),
    broken=st.sets(
        st.sampled_from([f"{name}-rack{at:02}" for name, n in RACKS.items() for at in range(n)]), max_size=4
    ),
    room=st.none() | st.integers(0, 6),
    count=st.integers(1, 5),
)
@example(taken=[], broken={"pod1-rack01", "pod2-rack01"}, room=None, count=3)
@example(taken=[], broken=set(), room=2, count=3)
def test_advice_is_what_a_dry_run_says(
    taken: list[tuple[str, int]], broken: set[str], room: int | None, count: int
) -> None:
    world = _world()
    for region_id, units in taken:
        if _succeeds(world, units, region_id):
            reserve(world, units, region_id=region_id)
    for name in sorted(broken):
        world.services.quarantine.set(REGION, f"{name}-tray00", "dead", "seen", by="test")
    if room is not None:
        world.set_quota(room, used=0)

    found = _ask(world, count)

    assert {advice.region.id for advice in found} == {REGION, ELSEWHERE}
    for advice in found:
        where = advice.region.id
        assert advice.fits == _succeeds(world, count, where)
        sizes = [n for n in range(1, 8) if _succeeds(world, n, where)]
        assert advice.largest == max(sizes, default=0)
        assert advice.reason is None or not advice.fits
        assert advice.remedy is None or advice.reason is not None
    assert [a.fits for a in found] == sorted((a.fits for a in found), reverse=True)

    here = next(advice for advice in found if advice.region.id == REGION)
    if here.reason is not None:
        world.lift_quarantines()
        world.services.inventory.forget_snapshot(REGION, here.offering.flavor.id)
        if room is not None:
            world.set_quota(99)
        helped = _succeeds(world, count, REGION)
        assert here.remedy == (Remedy((Obstacle.QUARANTINE,), None) if helped else None)


def test_a_region_where_it_fits_comes_before_one_where_it_does_not() -> None:
    world = _world()
    reserve(world, 4)
    reserve(world, 2)

    assert [(a.region.id, a.fits, a.largest) for a in _ask(world, 2)] == [
        (ELSEWHERE, True, 2),
        (REGION, False, 1),
    ]


def test_a_count_out_of_range_is_refused_with_the_range() -> None:
    for count in (0, 129):
        with pytest.raises(InvalidRequest, match="must be 1 to 128"):
            _ask(_world(), count)


def test_an_unknown_region_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match=f"{REGION}, {ELSEWHERE}"):
        _ask(_world(), 1, "mars-1")


def test_a_unit_that_is_not_offered_is_refused_with_what_is() -> None:
    with pytest.raises(InvalidRequest, match="GB300 NVL72"):
        advise(_world().services, caller(), ORGANIZATION, ("H100", "HGX", 1))


def test_a_hidden_region_is_as_unknown_as_one_that_does_not_exist() -> None:
    world = _world()
    hidden = replace(zone(ELSEWHERE), organizations=frozenset({"other"}))
    world.load((pod("pod3", 2, region_id=ELSEWHERE),), (hidden,))

    assert [a.region.id for a in _ask(world, 1)] == [REGION]
    with pytest.raises(InvalidRequest, match=f"there are {REGION}$"):
        _ask(world, 1, ELSEWHERE)


def test_only_members_who_may_read_reservations_get_advice() -> None:
    world = _world()
    stranger = caller(organizations=frozenset({"other"}))
    mute = caller(permissions=frozenset({Permission.READ_VMS}))
    for who in (stranger, mute):
        with pytest.raises(Forbidden):
            advise(world.services, who, ORGANIZATION, ("GB300", "NVL72", 1))
