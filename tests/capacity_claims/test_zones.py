"""Zones of a claim: which ones a customer may name, and what the responses reveal of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.read import instance_types_by_zone
from gpu_capacity.errors import InvalidRequest
from testkit.auditor.claims import claim_records
from testkit.claims import (
    CHICAGO,
    LONDON,
    TEXAS,
    claim,
    figures,
    resize,
    wish,
)
from testkit.world import INSTANCE_TYPE, World, caller, pod, zone


@pytest.mark.parametrize(
    ("zones", "instance", "field"),
    [
        ((LONDON, "nowhere"), INSTANCE_TYPE, "resources.zones[1]"),
        ((TEXAS,), INSTANCE_TYPE, "resources.zones[0]"),
        ((LONDON,), "h100-80gb-sxm5", "resources.instance_id"),
    ],
)
def test_a_zone_that_does_not_exist_is_hidden_or_lacks_the_type_is_named_in_the_refusal(
    zones: tuple[str, ...], instance: str, field: str
) -> None:
    world = World(pods=(pod("lon1", 1), pod("tex1", 1, region_id=TEXAS)))
    hidden = replace(zone(TEXAS), organizations=frozenset({"somebody"}))
    world.load((), (zone(LONDON), hidden))
    wanted = replace(wish(1, *zones), instance_id=instance)
    with pytest.raises(InvalidRequest) as refused:
        create_capacity_claim(world.services, caller(), wanted)
    assert refused.value.field == field
    assert claim_records(world.db) == []


def test_as_much_is_read_for_a_hidden_zone_as_for_a_missing_one() -> None:
    """Also right after its own organization has asked for it: the response time must not reveal it."""
    world = World(pods=(pod("lon1", 1), pod("tex1", 1, region_id=TEXAS)))
    hidden = replace(zone(TEXAS), organizations=frozenset({"somebody"}))
    world.load((), (zone(LONDON), hidden))
    member = caller(organizations=frozenset({"somebody"}))
    create_capacity_claim(world.services, member, wish(1, TEXAS))

    def read_for(zone_id: str) -> list[str]:
        before = world.db.requests.copy()
        with pytest.raises(InvalidRequest, match="no such zone"):
            create_capacity_claim(world.services, caller(), wish(1, zone_id))
        return sorted((world.db.requests - before).elements())

    assert read_for(TEXAS) == read_for("nowhere") == ["get_item", "query"]


def test_a_claim_may_keep_a_zone_that_is_now_hidden_and_add_no_such_zone() -> None:
    world = World(pods=(pod("lon1", 1), pod("tex1", 1, region_id=TEXAS)))
    here, elsewhere = claim(world, 1, TEXAS), claim(world, 1, LONDON)
    hidden = replace(zone(TEXAS), organizations=frozenset({"somebody"}))
    world.load((), (zone(LONDON), hidden))
    world.clock.advance(61)
    assert figures(resize(world, here, 2)) == ("READY", 2, 0)
    with pytest.raises(InvalidRequest) as refused:
        resize(world, elsewhere, 1, LONDON, TEXAS)
    assert refused.value.field == "resources.zones[1]"


def test_the_parameters_have_the_types_of_every_zone_that_the_caller_may_see() -> None:
    world = World(pods=(pod("lon1", 1), pod("chi1", 1, region_id=CHICAGO), pod("tex1", 1, region_id=TEXAS)))
    hidden = replace(zone(TEXAS), organizations=frozenset({"somebody"}))
    bare = replace(zone(CHICAGO), instance_types=())
    world.load((), (zone(LONDON), bare, hidden))
    shown: dict[str, Any] = instance_types_by_zone(world.services, caller())
    assert shown == {LONDON: [INSTANCE_TYPE], CHICAGO: []}
