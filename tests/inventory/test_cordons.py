"""What operators have cordoned, and what is sold of a pod under it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.dynamodb.client import decode
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.items import decode_cordons, encode_cordons
from gpu_capacity.inventory.units import Health, health_of, shape_of
from testkit.world import REGION, offering, pod

POD = pod("pod1", 4, hosts=4)
OFFERING = offering(hosts_per_unit=4)
FREE = shape_of(POD, OFFERING)


def cordon(*targets: Target) -> Cordons:
    cordons = Cordons(REGION)
    for number, target in enumerate(targets):
        cordons = cordons.with_cordon(Cordon(target, f"reason {number}", 1_780_000_000 + number, "me"))
    return cordons


def cordoned(*targets: Target) -> list[int]:
    """The positions that are cordoned under the cordons of these targets; nothing else may change."""
    shape = shape_of(POD, OFFERING, cordon(*targets))
    opened = tuple(replace(domain, cordoned=False) for domain in shape.domains)
    assert replace(shape, domains=opened) == FREE
    return [domain.position for domain in shape.domains if domain.cordoned]


@pytest.mark.parametrize(
    ("target", "positions"),
    [
        (Target(), [0, 1, 2, 3]),
        (Target(pod_id="pod1"), [0, 1, 2, 3]),
        (Target(pod_id="pod2"), []),
        (Target(pod_id="pod1", domain_id="pod1-rack01"), [1]),
        (Target(pod_id="pod2", domain_id="pod1-rack01"), []),
    ],
    ids=str,
)
def test_a_region_a_pod_and_a_domain_are_cordoned_with_all_that_is_in_them(
    target: Target, positions: list[int]
) -> None:
    assert cordoned(target) == positions
    assert cordoned(target, target) == positions


def test_a_cordoned_host_is_not_sold_and_counts_as_in_service() -> None:
    host = POD.domains[2].hosts[1]
    shape = shape_of(POD, OFFERING, cordon(Target(host_id=host.id)))
    before, after = FREE.domains[2], shape.domains[2]
    assert (before.complete, after.complete) == (True, False)
    assert after.usable == before.usable & ~(1 << host.slot)
    assert (after.in_service, after.cordoned, after.identity) == (before.in_service, False, before.identity)
    assert [d for d in shape.domains if d.position != 2] == [d for d in FREE.domains if d.position != 2]


def test_a_cordon_of_the_fleet_document_is_told_apart_and_stays() -> None:
    documented = replace(POD, domains=(replace(POD.domains[0], cordoned=True), *POD.domains[1:]))
    here = Target(pod_id="pod1", domain_id="pod1-rack01")
    both = cordon(here)
    positions = [d.position for d in shape_of(documented, OFFERING, both).domains if d.cordoned]
    assert positions == [0, 1]
    assert [d.position for d in shape_of(documented, OFFERING, both.without(here)).domains if d.cordoned] == [
        0
    ]


def test_a_target_has_one_cordon_and_the_last_one_counts() -> None:
    here = Target(pod_id="pod1")
    cordons = cordon(here, Target(), here)
    assert cordons.revision == 3
    assert [c.reason for c in cordons.entries] == ["reason 1", "reason 2"]
    assert cordons.without(here).of(here) is None
    assert cordons.without(here).of(Target()) == cordons.of(Target())


def test_a_quarantined_host_is_neither_sold_nor_in_service() -> None:
    host = POD.domains[2].hosts[1]
    aside = Cordon(Target(host_id=host.id), "does not boot", 1_780_000_000, "me", Cause.QUARANTINE)
    before, after = FREE.domains[2], shape_of(POD, OFFERING, Cordons(REGION).with_cordon(aside)).domains[2]
    assert (after.complete, after.usable) == (False, before.usable & ~(1 << host.slot))
    assert (after.in_service, after.identity) == (before.in_service - 1, before.identity)
    assert health_of([POD.domains[2]], 4, {host.id}) is Health.DEGRADED
    assert health_of([POD.domains[2]], 4, {"another"}) is Health.HEALTHY


def test_a_maintenance_keeps_new_holders_out_like_a_cordon() -> None:
    rack = Target(pod_id="pod1", domain_id="pod1-rack01")
    planned = Cordon(rack, "new pump", 1_780_000_000, "me", Cause.MAINTENANCE, maintenance_id="m1")
    shape = shape_of(POD, OFFERING, Cordons(REGION).with_cordon(planned))
    assert [d.cordoned for d in shape.domains] == [False, True, False, False]
    assert [d.in_service for d in shape.domains] == [4, 4, 4, 4]


def test_a_target_has_one_entry_of_each_cause_and_of_each_maintenance() -> None:
    target = Target(host_id="h1")
    made = [
        Cordon(target, "one", 1, "me"),
        Cordon(target, "two", 1, "me", Cause.QUARANTINE),
        Cordon(target, "three", 1, "me", Cause.MAINTENANCE, maintenance_id="m1"),
        Cordon(target, "four", 1, "me", Cause.MAINTENANCE, maintenance_id="m2"),
    ]
    cordons = Cordons(REGION)
    for entry in (*made, *made):
        cordons = cordons.with_cordon(entry)

    assert cordons.entries == tuple(made)
    assert cordons.of(target, Cause.MAINTENANCE, "m2") == made[3]
    assert cordons.without(target, Cause.MAINTENANCE, "m1").entries == (*made[:2], made[3])
    assert cordons.without(target).entries == tuple(made[1:])
    assert cordons.quarantines == {"h1": made[1]}


def test_cordons_are_stored_and_read_back() -> None:
    domain = Target(pod_id="pod1", domain_id="pod1-rack01")
    for cordons in (cordon(), cordon(Target()), cordon(Target(host_id="h1"), domain, Target(pod_id="pod1"))):
        assert decode_cordons(decode(encode_cordons(cordons))) == cordons


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(), "the region"),
        (Target(pod_id="pod1"), "pod pod1"),
        (Target(pod_id="pod1", domain_id="rack1"), "domain pod1/rack1"),
        (Target(host_id="h1"), "host h1"),
    ],
)
def test_a_target_in_words(target: Target, words: str) -> None:
    assert str(target) == words


def test_a_pod_has_what_is_part_of_it() -> None:
    host = POD.domains[2].hosts[1].id
    inside = (
        Target(),
        Target(pod_id="pod1"),
        Target(pod_id="pod1", domain_id="pod1-rack01"),
        Target(host_id=host),
    )
    assert all(target.is_in(POD) for target in inside)
    other = pod("pod2", 4, hosts=4)
    assert [target.is_in(other) for target in inside] == [True, False, False, False]
    assert not Target(pod_id="pod1", domain_id="pod2-rack01").is_in(POD)
