"""Options of a create request: an idempotency key, and a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.errors import InvalidRequest, KeyReused, QuotaExceeded
from gpu_capacity.reservations.create import create_reservation
from testkit.auditor import instances_held
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    ID,
    LONDON,
    check,
    claim,
    figures,
    wish,
)
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.record import CapacityClaim

KEY = "order-0815"


def keyed(
    world: World,
    count: int = 2,
    *zones: str,
    key: str | None = KEY,
    claim_id: str | None = None,
    name: str | None = None,
    dry_run: bool = False,
    subject: str = "user-1",
) -> CapacityClaim:
    world.clock.advance(1)
    return create_capacity_claim(
        world.environment(),
        caller(subject=subject),
        wish(count, *zones),
        claim_id=claim_id,
        name=name,
        idempotency_key=key,
        dry_run=dry_run,
    )


def test_another_body_under_the_same_key_is_refused_and_names_the_claim(world: World) -> None:
    made = keyed(world)
    with pytest.raises(KeyReused, match=f"another request, which made {made.id}"):
        keyed(world, 3)
    with pytest.raises(KeyReused):
        keyed(world, name="other")
    assert len(claim_records(world.db)) == 1


def test_a_key_makes_one_holder_of_each_kind(world: World) -> None:
    """Tags are derived from ids, so a reservation and a claim under one key must not have the same tag."""
    made = keyed(world, 1)
    reserved = create_reservation(world.services, caller(), request(1), idempotency_key=KEY)
    assert reserved.reservation.id != made.id
    check(world)


def test_a_request_with_an_id_is_identified_by_it_whatever_the_key(world: World) -> None:
    made = keyed(world, claim_id=ID)
    assert keyed(world, claim_id=ID, key="another") == made
    assert keyed(world).id != ID


def test_a_dry_run_shows_the_claim_that_would_be_made_and_writes_nothing() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO)))
    before = world.db.dump()
    shown = keyed(world, 3, LONDON, CHICAGO, key=None, dry_run=True)

    assert figures(shown) == ("READY", 3, 0)
    assert world.db.dump() == before
    assert instances_held(world.db) == 0
    made = keyed(world, 3, LONDON, CHICAGO, key=None)
    assert figures(made) == figures(shown)
    assert [(a.zone, a.count) for a in made.allocations] == [(a.zone, a.count) for a in shown.allocations]


def test_a_dry_run_shows_a_waiting_claim_where_an_older_claim_waits(world: World) -> None:
    assert figures(claim(world, 9))[2] > 0
    shown = keyed(world, 1, key=None, dry_run=True)
    assert figures(shown) == ("CREATING", 0, 1)
    check(world)


def test_a_dry_run_is_refused_where_the_request_would_be(world: World) -> None:
    world.set_quota(2, "instances")
    with pytest.raises(QuotaExceeded):
        keyed(world, 3, dry_run=True)
    with pytest.raises(InvalidRequest):
        keyed(world, 1, "no-zone", dry_run=True)
    made = keyed(world, 2)
    before = world.db.dump()
    assert keyed(world, 2, dry_run=True) == made
    with pytest.raises(KeyReused):
        keyed(world, 1, dry_run=True)
    assert world.db.dump() == before
