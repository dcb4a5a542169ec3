"""Other requests before any one call of a use case: nothing is owned twice or lost."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import InsufficientCapacity, NotFound, RaceLost, TryAgain
from gpu_capacity.inventory.model import HostState
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.provisioning import begin_provisioning, complete_provisioning
from gpu_capacity.reservations.record import Status
from testkit.auditor import audit, units_held
from testkit.dynamodb import timeout_after
from testkit.reservations import fail, provision, stored, tear_down
from testkit.world import ORGANIZATION, World, caller, pod, rack, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb import Hook

    Rival = Callable[[World], object]

NOWHERE: frozenset[str] = frozenset()
STANDING = 2
"""Units of the reservation that stands before the race; no other has as many."""
CALLS = range(15)
"""A cold create makes nine calls, and some more after a lost race; later numbers may never come up."""
OWN = "update_item"
"""The call that owns a run; nothing else of a create without a quota makes it."""


def _world(*, quota: int | None = None) -> World:
    world = World(pods=(pod("pod1", 6), pod("pod2", 2)))
    if quota is not None:
        world.set_quota(quota)
    return world


def _claims(*counts: int) -> Rival:
    def rival(world: World) -> None:
        for count in counts:
            claim(world, count)

    def claim(world: World, count: int) -> None:
        # While what is left is tentative, the request is refused with Retry-After.
        with contextlib.suppress(InsufficientCapacity, RaceLost):
            create_reservation(world.environment(), caller(), request(count))

    return rival


def _frees(world: World) -> None:
    """Take the existing reservation through its whole end."""
    standing = [r for r in world.services.reservations.of_organization(ORGANIZATION) if r.count == STANDING]
    for reservation in standing[:1]:
        delete_reservation(world.environment(), caller(), reservation.id, NOWHERE)
        tear_down(world, reservation.id)


def _breaks(world: World) -> None:
    """A host of every third rack breaks."""
    (shape,) = (s for s in world.services.inventory.pods([("uk-lon-1", "pod1")]).values())
    domains = tuple(
        rack("pod1", n, states={0: HostState.UNHEALTHY}) if n % 3 == 0 else rack("pod1", n) for n in range(6)
    )
    world.load((replace(shape, version=shape.version + 1, domains=domains),))


RIVALS: dict[str, Rival] = {
    "claims one": _claims(1),
    "claims most": _claims(5),
    "claims all": _claims(6, 2),
    "frees": _frees,
    "breaks hardware": _breaks,
}


def _step_in(world: World, at: int, *rivals: Rival) -> Hook:
    """The other requests run, one after the other, before the call with that number."""
    return world.db.before("*", lambda *_: [rival(world) for rival in rivals], skip=at)


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("at", CALLS)
def test_a_create_is_correct_whatever_one_other_request_does_before_any_call(at: int, rival: str) -> None:
    world = _world()
    create_reservation(world.services, caller(), request(STANDING))
    world.services = world.environment()
    hook = _step_in(world, at, RIVALS[rival])

    try:
        observed = create_reservation(world.services, caller(), request(3))
        hook.cancel()
    except InsufficientCapacity as refusal:
        largest_run = refusal.reason.largest_run
        assert largest_run < 3
    except TryAgain:
        assert rival == "breaks hardware"
    else:
        assert stored(world, observed.reservation.id) == observed.reservation
    assert audit(world.db) == []


@pytest.mark.parametrize("first", RIVALS)
@pytest.mark.parametrize("second", RIVALS)
@pytest.mark.parametrize("at", [5, 6, 7])
def test_a_create_is_correct_whatever_two_other_requests_do_before_one_of_its_writes(
    at: int, first: str, second: str
) -> None:
    world = _world(quota=20)
    create_reservation(world.services, caller(), request(STANDING))
    world.services = world.environment()
    _step_in(world, at, RIVALS[first], RIVALS[second])

    with contextlib.suppress(InsufficientCapacity, TryAgain):
        create_reservation(world.services, caller(), request(3))
    assert audit(world.db) == []


class AlikeIds:
    """Ids that differ and give the same decisions: the seed of a placement is the second half of the id."""

    def __init__(self, first: int) -> None:
        self._first = first

    def random_bytes(self) -> bytes:
        return bytes([self._first]) + b"-unlike" + b"as-alike"


def test_three_requests_with_the_same_decisions_spread_and_all_succeed() -> None:
    world = World(pods=tuple(pod(f"pod{n}", 3) for n in range(3)))
    mine, *rivals = (replace(world.environment(), ids=AlikeIds(n)) for n in range(3))
    for services in rivals:
        world.db.before(OWN, lambda *_, s=services: create_reservation(s, caller(), request(3)))

    create_reservation(mine, caller(), request(3))

    assert world.telemetry.counts["ClaimRacesLost"] >= 1
    assert units_held(world.db) == 9
    assert audit(world.db) == []


def test_two_requests_that_take_the_last_unit_in_turn_leave_one_winner() -> None:
    world = World(pods=(pod("pod1", 1),))
    world.db.before(OWN, lambda *_: [_claims(1)(world), _claims(1)(world)])

    with pytest.raises(InsufficientCapacity):
        create_reservation(world.services, caller(), request(1))
    assert units_held(world.db) == 1
    assert len(world.workflows) == 1
    assert audit(world.db) == []


def test_a_run_taken_and_given_back_before_the_write_costs_one_more_read() -> None:
    """The stamp it left distinguishes its writes, should they arrive late, from those of this request."""
    world = _world()

    def rival(*_: Any) -> None:
        taken = create_reservation(world.environment(), caller(), request(6)).reservation.id
        delete_reservation(world.environment(), caller(), taken, NOWHERE)
        tear_down(world, taken)

    world.db.before(OWN, rival)

    create_reservation(world.services, caller(), request(6))

    assert world.telemetry.counts["ClaimRacesLost"] == 1
    assert units_held(world.db) == 6
    assert audit(world.db) == []


def test_a_booking_that_succeeded_is_found_although_the_rest_was_taken_before_the_retry() -> None:
    world = World(pods=(pod("pod1", 4),))
    world.db.after(OWN, timeout_after())
    rival = world.db.before(OWN, lambda *_: _claims(1)(world), skip=1)

    assert create_reservation(world.services, caller(), request(3)).reservation.owned_units == 3
    assert rival.fired == 1
    assert units_held(world.db) == 4
    assert audit(world.db) == []


# Steps of the workflow and a delete.

STEPS: dict[str, Callable[[World, str], object]] = {
    "begin": lambda world, i: begin_provisioning(world.services, (ORGANIZATION, i)),
    "complete": lambda world, i: complete_provisioning(world.services, (ORGANIZATION, i)),
    "provision": provision,
    "fail": fail,
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("at", range(14))
def test_a_delete_before_any_call_of_a_step_overrides_it_and_leaves_nothing(step: str, at: int) -> None:
    world = _world(quota=8)
    reservation_id = create_reservation(world.services, caller(), request(2)).reservation.id
    if step == "complete":
        begin_provisioning(world.services, (ORGANIZATION, reservation_id))

    def delete(world: World) -> None:
        # A step with fewer calls is over by then, and so is the teardown that follows it.
        with contextlib.suppress(NotFound):
            delete_reservation(world.environment(), caller(), reservation_id, NOWHERE)

    _step_in(world, at, delete)

    STEPS[step](world, reservation_id)

    assert audit(world.db) == []
    if stored(world, reservation_id).status is not Status.DEPROVISIONING:
        delete_reservation(world.services, caller(), reservation_id, NOWHERE)
    assert tear_down(world, reservation_id) == {"outcome": "done"}
    assert (units_held(world.db), world.quota_used()) == (0, 0)
    assert audit(world.db, now=world.clock.now()) == []


@pytest.mark.parametrize("at", range(12))
def test_a_whole_concurrent_teardown_before_any_call_of_another_is_harmless(at: int) -> None:
    world = _world(quota=8)
    reservation_id = create_reservation(world.services, caller(), request(2)).reservation.id
    provision(world, reservation_id)
    delete_reservation(world.services, caller(), reservation_id, NOWHERE)
    _step_in(world, at, lambda w: tear_down(w, reservation_id))

    tear_down(world, reservation_id)

    assert (units_held(world.db), world.quota_used()) == (0, 0)
    assert audit(world.db, now=world.clock.now()) == []


@pytest.mark.parametrize("at", range(4))
def test_capacity_that_is_sold_again_is_not_changed_by_a_late_teardown(at: int) -> None:
    """The other finishes the teardown and sells the racks again; then the late one continues."""
    world = World(pods=(pod("pod1", 2),))
    reservation_id = create_reservation(world.services, caller(), request(2)).reservation.id
    delete_reservation(world.services, caller(), reservation_id, NOWHERE)

    def rival(w: World) -> None:
        tear_down(w, reservation_id)
        create_reservation(w.environment(), caller(), request(2))

    _step_in(world, at, rival)

    tear_down(world, reservation_id)

    assert units_held(world.db) == 2
    assert audit(world.db) == []


@pytest.mark.parametrize("at", range(5))
def test_a_delete_during_the_last_step_of_a_teardown_says_that_the_reservation_is_gone(at: int) -> None:
    world = _world()
    reservation_id = create_reservation(world.services, caller(), request(2)).reservation.id

    def rival(w: World) -> None:
        delete_reservation(w.environment(), caller(), reservation_id, NOWHERE)
        tear_down(w, reservation_id)

    _step_in(world, at, rival)

    try:
        delete_reservation(world.services, caller(), reservation_id, NOWHERE)
    except NotFound:
        assert units_held(world.db) == 0
    assert audit(world.db) == []
