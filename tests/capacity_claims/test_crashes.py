"""The process dies at each of its database calls in turn; a retry, workflow or schedule finishes what it
began.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.record import WORKFLOW
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.errors import CapacityError, NotFound
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import instances_held
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    ID,
    LONDON,
    calm,
    check,
    claim,
    drop,
    figures,
    now,
    release,
    reserve,
    resize,
)
from testkit.dynamodb import throttled, timeout_after, timeout_before
from testkit.world import ORGANIZATION, World, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.runtime.services import Services
    from testkit.dynamodb.hooks import Interceptor

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The execution environment is gone; no code of the product catches this."""


def kill(*_: object) -> None:
    raise Killed


FAULTS: dict[str, tuple[str, Interceptor]] = {
    "killed before": ("before", kill),
    "killed after": ("after", kill),
    "never arrived": ("before", timeout_before()),
    "answer lost": ("after", timeout_after()),
    "throttled": ("before", throttled()),
}


@dataclass
class Scene:
    world: World
    claim: CapacityClaim


def small() -> World:
    return World(pods=(pod("lon1", 1), pod("chi1", 2, region_id=CHICAGO)), trusting=True)


def ready() -> Scene:
    world = small()
    return Scene(world, claim(world, 4, LONDON, CHICAGO, claim_id=ID, name="inference"))


def served_soon() -> Scene:
    """A claim of two waits, and a rack for it has just become free."""
    world = small()
    blocking = reserve(world)
    made = claim(world, 2, LONDON, claim_id=ID, name="inference")
    release(world, blocking)
    world.events.zones.clear()
    return Scene(world, made)


def deleted() -> Scene:
    scene = ready()
    drop(scene.world, scene.claim)
    return scene


def at_every_call(
    build: Callable[[], Scene], run: Callable[[Scene, Services], object], fault: str
) -> Iterator[Scene]:
    """A fresh scene for each call of ``run``; the process dies at that call."""
    when, interceptor = FAULTS[fault]
    built = build()
    for call in range(1000):
        scene = Scene(built.world.twin(), built.claim)
        register: Any = getattr(scene.world.db, when)
        hook = register("*", interceptor, skip=call)
        with contextlib.suppress(Killed, CapacityError):
            run(scene, scene.world.environment())
        if not hook.fired:
            assert call > 1
            return
        yield scene


def recover(world: World) -> None:
    """What runs without further requests: events, workflows, and the schedules an hour later."""
    check(world)
    calm(world)
    world.clock.advance(3600)
    reconcile(world.services)
    calm(world)
    fill_zones(world.services)
    calm(world)
    check(world)
    assert reconcile(world.services).unsettled == 0


def create(scene: Scene, services: Services, claim_id: str | None = ID) -> object:
    return claim(scene.world, 4, LONDON, CHICAGO, claim_id=claim_id, name="inference", services=services)


def empty() -> Scene:
    world = small()
    made = claim(world, 1)
    drop(world, made)
    calm(world)
    return Scene(world, made)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_interrupted_create_is_applied_as_a_whole_or_not_at_all(fault: str) -> None:
    for scene in at_every_call(empty, lambda s, e: create(s, e, None), fault):
        recover(scene.world)
        assert [(r.status, r.allocated) for r in claim_records(scene.world.db)] in (
            [],
            [("STATUS_READY", 4)],
        )


@pytest.mark.parametrize("fault", FAULTS)
def test_an_interrupted_create_sent_again_under_its_id_makes_one_claim(fault: str) -> None:
    for scene in at_every_call(empty, create, fault):
        create(scene, scene.world.environment())
        recover(scene.world)
        assert [(r.id, r.status, r.allocated) for r in claim_records(scene.world.db)] == [
            (ID, "STATUS_READY", 4)
        ]


UPDATES: dict[str, Callable[[Scene, Services], CapacityClaim]] = {
    "grows": lambda s, e: resize(s.world, s.claim, 6, services=e),
    "shrinks": lambda s, e: resize(s.world, s.claim, 1, services=e),
    "moves": lambda s, e: resize(s.world, s.claim, 2, CHICAGO, services=e),
}
WANTED = {"grows": 6, "shrinks": 1, "moves": 2}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("update", UPDATES)
def test_an_interrupted_update_is_applied_or_not_and_settles_either_way(update: str, fault: str) -> None:
    for scene in at_every_call(ready, UPDATES[update], fault):
        recover(scene.world)
        assert figures(now(scene.world, scene.claim)) in (
            ("READY", 4, 0),
            ("READY", WANTED[update], 0),
        )
        # The client retries.
        UPDATES[update](scene, scene.world.environment())
        recover(scene.world)
        assert figures(now(scene.world, scene.claim)) == ("READY", WANTED[update], 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_interrupted_delete_is_applied_or_not_and_its_retry_is_applied(fault: str) -> None:
    for scene in at_every_call(ready, lambda s, e: drop(s.world, s.claim, services=e), fault):
        recover(scene.world)
        with contextlib.suppress(NotFound):
            drop(scene.world, scene.claim)
        recover(scene.world)
        assert claim_records(scene.world.db) == []
        assert instances_held(scene.world.db) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_an_interrupted_drain_continues(fault: str) -> None:
    def drain(scene: Scene, services: Services) -> None:
        for _ in range(3):
            settle_capacity_claim(services, ORGANIZATION, ID)

    for scene in at_every_call(deleted, drain, fault):
        recover(scene.world)
        assert claim_records(scene.world.db) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_the_schedule_finishes_what_an_interrupted_filler_began(fault: str) -> None:
    for scene in at_every_call(served_soon, lambda _, e: fill_zones(e), fault):
        recover(scene.world)
        assert figures(now(scene.world, scene.claim)) == ("READY", 2, 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_reconcile_finishes_what_an_interrupted_one_began(fault: str) -> None:
    def left_alone() -> Scene:
        scene = deleted()
        # Its execution ended long ago.
        for name in scene.world.workflows.executions:
            scene.world.workflows.end(name)
        scene.world.clock.advance(3600)
        return scene

    for scene in at_every_call(left_alone, lambda _, e: reconcile(e), fault):
        recover(scene.world)
        assert claim_records(scene.world.db) == []


def test_reconcile_starts_and_reports_a_workflow_that_was_never_started() -> None:
    scene = ready()
    scene.world.workflows.down = True
    drop(scene.world, scene.claim)
    scene.world.workflows.down = False
    assert reconcile(scene.world.services).restarted == 0
    scene.world.clock.advance(scene.world.limits.reconcile_grace_seconds)
    report = reconcile(scene.world.services)
    assert (report.unsettled, report.restarted, report.overdue) == (1, 1, 0)
    [line] = [a for a in scene.world.telemetry.audits if a.actor == "schedule:reconcile"]
    assert (line.action, line.target, line.outcome) == (f"restart_{WORKFLOW}", ID, "started")
    assert reconcile(scene.world.services).restarted == 0
    calm(scene.world)
    assert claim_records(scene.world.db) == []


def test_an_execution_that_ended_too_early_is_followed_by_one_with_the_next_attempt_number() -> None:
    scene = deleted()
    [first] = scene.world.workflows.executions
    scene.world.workflows.end(first)
    scene.world.clock.advance(3600)
    assert reconcile(scene.world.services).restarted == 1
    second = list(scene.world.workflows.executions)[-1]
    assert second == f"{first.rpartition('-')[0]}-{int(first.rpartition('-')[2]) + 1}"


def test_a_teardown_that_takes_too_long_is_counted_as_overdue() -> None:
    scene = deleted()
    scene.world.clock.advance(scene.world.limits.teardown_seconds_max)
    assert reconcile(scene.world.services).overdue == 0
    scene.world.clock.advance(1)
    assert reconcile(scene.world.services).overdue == 1
