"""A zone that left the fleet while holders own capacity there: they keep it, and no new holder gets any."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.read import instance_types_by_zone
from gpu_capacity.errors import InvalidRequest
from testkit.auditor.claims import claim_records
from testkit.claims import LONDON, TEXAS, claim, figures, resize, wish
from testkit.world import World, caller, pod, zone


@pytest.fixture
def world() -> World:
    return World(pods=(pod("lon1", 1), pod("tex1", 1, region_id=TEXAS)))


def _withdraw(world: World, zone_id: str) -> None:
    world.load((), (zone(LONDON), replace(zone(zone_id), withdrawn=True)))
    world.clock.advance(61)


@pytest.mark.parametrize("is_operator", [False, True])
def test_a_withdrawn_zone_accepts_no_new_claim(world: World, *, is_operator: bool) -> None:
    _withdraw(world, TEXAS)
    who = caller(permissions=caller().permissions | {"operator"}) if is_operator else caller()
    assert who.is_operator == is_operator

    with pytest.raises(InvalidRequest) as refused:
        create_capacity_claim(world.services, who, wish(1, LONDON, TEXAS))

    assert refused.value.problems == (("resources.zones[1]", "no such zone"),)
    assert claim_records(world.db) == []


def test_a_claim_keeps_its_hosts_in_a_withdrawn_zone_and_gets_no_new_ones(world: World) -> None:
    here, elsewhere = claim(world, 1, TEXAS), claim(world, 1, LONDON)
    _withdraw(world, TEXAS)

    assert figures(resize(world, here, 2)) == ("UPDATING", 1, 1)
    with pytest.raises(InvalidRequest) as refused:
        resize(world, elsewhere, 1, LONDON, TEXAS)
    assert refused.value.field == "resources.zones[1]"


@pytest.mark.parametrize("is_operator", [False, True])
def test_the_parameters_leave_out_a_withdrawn_zone(world: World, *, is_operator: bool) -> None:
    _withdraw(world, TEXAS)
    who = caller(permissions=caller().permissions | {"operator"}) if is_operator else caller()

    assert list(instance_types_by_zone(world.services, who)) == [LONDON]
