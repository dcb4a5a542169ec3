"""Single hosts in a snapshot; reading a pod again costs no more than that pod."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.snapshot import Ownership, Snapshot, pod_bits
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.hosts import HostDomain
from testkit.world import offering, pod

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import PodShape


def _shape(pod_id: str = "a", racks: int = 2, version: int = 1) -> PodShape:
    return shape_of(pod(pod_id, racks, version=version), offering())


def _domains(shape: PodShape, *owned: Ownership) -> list[HostDomain]:
    return Snapshot.of([shape], owned).host_domains()


def test_each_domain_has_its_usable_hosts_and_their_owners() -> None:
    shape = _shape()
    usable = shape.domains[0].usable
    owned = Ownership("a", 1, owned=0b11, parts={1: {"one": 0b0010, "two": 0b0100}})

    assert _domains(shape, owned) == [
        HostDomain("a", 0, usable, owned=-1, sellable=True),
        HostDomain("a", 1, usable, owned=0b0110, sellable=True),
    ]


def test_an_unclaimed_position_has_no_owner() -> None:
    assert Ownership("a", 1, owned=0b010, parts={0: {"one": 0b1}}).owned_hosts(0) == 0
    assert Ownership("a", 1, owned=0b010).owned_hosts(2) == 0


def test_a_cordoned_domain_has_no_usable_host_and_is_not_sold() -> None:
    shape = _shape(racks=1)
    cordoned = replace(shape, domains=(replace(shape.domains[0], cordoned=True),))

    assert _domains(cordoned, Ownership("a", 1, owned=0)) == [HostDomain("a", 0, 0, 0, sellable=False)]


def test_an_incomplete_domain_is_not_sold_whole_but_its_hosts_are() -> None:
    shape = _shape(racks=1)
    incomplete = replace(shape, domains=(replace(shape.domains[0], usable=0b101, complete=False),))

    assert _domains(incomplete, Ownership("a", 1, 0)) == [HostDomain("a", 0, 0b101, 0, sellable=False)]


def test_pods_without_ownership_or_with_two_versions_have_no_free_hosts() -> None:
    assert _domains(_shape()) == []
    assert _domains(_shape(version=2), Ownership("a", 1, owned=0)) == []


def test_reading_a_pod_again_does_not_rebuild_the_other_pods() -> None:
    shapes = [_shape(name) for name in "abc"]
    before = Snapshot.of(shapes, [Ownership(name, 1, owned=0) for name in "abc"])

    after = before.seeing(Ownership("b", 1, owned=0b01))

    # The same objects: a booking costs the same however many pods the region has.
    assert after.line.pods[0] is before.line.pods[0]
    assert after.line.pods[2] is before.line.pods[2]
    assert after.line.pods[1].owned == 0b01


@pytest.mark.parametrize("racks", [0, 1, 3])
def test_a_pod_is_as_long_as_its_last_position_requires_and_at_least_one(racks: int) -> None:
    empty = replace(_shape(), domains=())
    shape = _shape(racks=racks) if racks else empty

    assert pod_bits(shape, Ownership("a", 1, owned=0)).length == max(racks, 1)
