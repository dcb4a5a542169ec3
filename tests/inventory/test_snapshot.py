from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.inventory.model import Pod, PodShape
from gpu_capacity.inventory.snapshot import Basis, Ownership, Snapshot, UnitCounts, pod_bits
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.model import Placement
from testkit.world import GB300, REGION, offering, pod, rack


def _shape(pod_id: str, racks: int = 4, version: int = 1) -> PodShape:
    return shape_of(pod(pod_id, racks, version=version), offering())


def _free(version: int = 1, pod_id: str = "a") -> Ownership:
    return Ownership(pod_id, version, owned=0)


def test_a_snapshot_joins_shapes_and_ownership() -> None:
    snapshot = Snapshot.of([_shape("a")], [Ownership("a", 1, owned=0b0010)])

    assert snapshot.counts() == UnitCounts(total=4, available=3, largest_run=2)


def test_counts_cover_all_pods_and_runs_stay_within_one() -> None:
    snapshot = Snapshot.of([_shape("a", 2), _shape("b", 3)], [_free(), _free(pod_id="b")])

    assert snapshot.counts() == UnitCounts(total=5, available=5, largest_run=3)


def test_a_cordoned_unit_counts_and_is_not_available() -> None:
    shape = shape_of(replace(pod("a", 2), domains=(rack("a", 0), rack("a", 1, cordoned=True))), offering())

    counts = Snapshot.of([shape], [_free()]).counts()

    assert counts == UnitCounts(total=2, available=1, largest_run=1)


def test_a_pod_whose_shape_and_ownership_have_different_versions_is_left_out_and_named() -> None:
    snapshot = Snapshot.of([_shape("a", version=1), _shape("b")], [_free(version=2), _free(pod_id="b")])

    assert snapshot.stale_pods == {"a"}
    assert [p.pod_id for p in snapshot.line.pods] == ["b"]


def test_ownership_without_a_shape_is_stale() -> None:
    assert Snapshot.of([], [_free()]).stale_pods == {"a"}


def test_a_shape_without_ownership_offers_nothing() -> None:
    snapshot = Snapshot.of([_shape("a")], [])

    assert snapshot.counts() == UnitCounts(0, 0, 0)
    assert not snapshot.stale_pods


def test_reading_one_pod_again_replaces_only_its_ownership() -> None:
    before = Snapshot.of([_shape("a"), _shape("b")], [_free(), _free(pod_id="b")])

    after = before.seeing(Ownership("b", 1, owned=0b1111))

    assert after.counts().available == 4
    assert before.counts().available == 8


@pytest.mark.parametrize("taken", [0, 0b0101, 0b1111, 0b1_0000_0001])
@pytest.mark.parametrize("pod_id", ["a", "b", "c"])
def test_reading_a_pod_again_gives_the_same_snapshot_as_building_it_anew(pod_id: str, taken: int) -> None:
    shapes = [_shape("a"), _shape("b", 7), _shape("c", 1)]
    owned = {name: Ownership(name, 1, owned=0b0001) for name in "abc"}
    later = Ownership(pod_id, 1, taken)

    seen = Snapshot.of(shapes, owned.values()).seeing(later)

    assert seen == Snapshot.of(shapes, {**owned, pod_id: later}.values())


def test_reading_a_pod_that_was_left_out_puts_it_back_on_the_line() -> None:
    before = Snapshot.of([_shape("a", version=2), _shape("b")], [_free(version=1), _free(pod_id="b")])

    after = before.seeing(_free(version=2))

    assert not after.stale_pods
    assert after.counts().available == 8


def test_reading_a_pod_in_another_version_makes_it_stale() -> None:
    before = Snapshot.of([_shape("a")], [_free()])

    assert before.seeing(_free(version=2)).stale_pods == {"a"}


def test_a_snapshot_has_the_versions_that_a_decision_depends_on() -> None:
    seen = replace(_free(version=7), stamps={1: b"stamp1", 5: b"stamp5"})

    basis = Snapshot.of([_shape("a", version=7)], [seen]).basis_of(Placement("a", 0, 3))

    assert basis == Basis(7, (None, b"stamp1", None))


def test_ownership_beyond_the_known_positions_does_not_reach_into_the_next_pod() -> None:
    """A held domain that left the topology is still owned; the line must not change."""
    ownership = Ownership("a", 1, owned=0b1111_0000)
    snapshot = Snapshot.of([_shape("a", 4), _shape("b", 4)], [ownership, _free(pod_id="b")])

    assert snapshot.counts() == UnitCounts(total=8, available=8, largest_run=4)


def test_positions_without_a_domain_are_neither_known_nor_free() -> None:
    domains = (rack("a", 1), rack("a", 3))
    bits = pod_bits(shape_of(Pod(REGION, "a", GB300.id, 1, domains), offering()), _free())

    assert (bits.length, bits.known, bits.free) == (4, 0b1010, 0b1010)


def test_a_pod_that_lost_all_its_domains_is_empty() -> None:
    empty = shape_of(Pod(REGION, "a", GB300.id, 1, ()), offering())

    assert Snapshot.of([empty], [_free()]).counts() == UnitCounts(0, 0, 0)


def test_adjacent_owned_runs_are_distinguished_when_built_and_when_read_again() -> None:
    side_by_side = Ownership("a", 1, owned=0b0111, borders=0b0101)
    read_at_once = Snapshot.of([_shape("a")], [side_by_side])

    assert read_at_once.line.begins == 0b0101
    assert read_at_once.line.sizes == 0b110
    assert Snapshot.of([_shape("a")], [_free()]).seeing(side_by_side).line == read_at_once.line
