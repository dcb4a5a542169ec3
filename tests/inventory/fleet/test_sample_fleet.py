"""The sample fleet reproduces the published example for every choice of placement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.fleet.model import offering_of
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.snapshot import Ownership, Snapshot, UnitCounts
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.choose import place
from gpu_capacity.placement.model import Placement, Request
from testkit.fleet.documents import raw
from testkit.sample_fleet import SAMPLE_RESERVATIONS, sample_fleet

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld

FLEET = parse(raw(sample_fleet()))


def snapshot(region_id: str, accelerator: str) -> Snapshot:
    region = FLEET.regions[region_id]
    (offering,) = [o for o in region.region.offerings if o.accelerator == accelerator]
    pods = [p for p in region.pods.values() if p.flavor_id == offering.flavor.id]
    return Snapshot.of(
        [shape_of(p, offering_of(region.region, p.flavor_id)) for p in pods],
        [Ownership(p.id, 0, 0) for p in pods],
    )


@pytest.mark.parametrize(
    ("region_id", "accelerator", "counts"),
    [
        ("uk-lon-1", "GB300", UnitCounts(total=8, available=8, largest_run=4)),
        ("us-chi-1", "GB300", UnitCounts(total=6, available=6, largest_run=4)),
        ("us-tex-1", "GB300", UnitCounts(total=128, available=128, largest_run=8)),
        ("us-tex-1", "H200", UnitCounts(total=1024, available=1024, largest_run=32)),
        ("eu-ams-1", "5090", UnitCounts(total=4, available=4, largest_run=4)),
        ("eu-ams-1", "4090", UnitCounts(total=2, available=2, largest_run=2)),
        ("eu-ams-1", "6000pro", UnitCounts(total=2, available=2, largest_run=2)),
    ],
)
def test_the_sample_fleet_has_the_complete_units_of_the_example(
    region_id: str, accelerator: str, counts: UnitCounts
) -> None:
    assert snapshot(region_id, accelerator).counts() == counts


@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize("seed", range(20))
def test_the_sample_reservations_leave_the_published_figures(seed: int, attempt: int) -> None:
    expected = {
        "uk-lon-1": UnitCounts(total=8, available=4, largest_run=3),
        "us-chi-1": UnitCounts(total=6, available=2, largest_run=2),
    }
    for reservation in SAMPLE_RESERVATIONS:
        before = snapshot(reservation.region, reservation.accelerator)
        chosen = place(before.line, Request(reservation.units, seed, attempt))
        assert isinstance(chosen, Placement)
        owned = before.ownership[chosen.pod_id]
        taken = sum(1 << position for position in chosen.positions)

        assert before.seeing(replace(owned, owned=taken)).counts() == expected.pop(reservation.region)

    assert expected == {}


def test_the_sample_fleet_shows_every_reason_why_a_rack_is_no_unit() -> None:
    racks = {d.id: d for region in FLEET.regions.values() for p in region.pods.values() for d in p.domains}
    states = {domain.id: {host.state.value for host in domain.hosts} for domain in racks.values()}

    assert "unhealthy" in states["uk-lon-1-pod1-rack05"]
    assert "out_of_service" in states["uk-lon-1-pod2-rack01"]
    assert racks["uk-lon-1-pod2-rack01"].cordoned
    assert {h.resource_class for h in racks["uk-lon-1-pod2-rack03"].hosts} == {"GB200_HOST"}
    assert len(racks["uk-lon-1-pod2-rack04"].hosts) == 17


def test_the_sample_fleet_is_always_the_same_except_for_its_sequence() -> None:
    assert sample_fleet() == sample_fleet()
    assert sample_fleet(9) == sample_fleet() | {"sequence": 9}


def test_the_sync_accepts_the_sample_fleet(world: FleetWorld) -> None:
    report = world.sync(sample_fleet())

    assert report.refused is None
    assert [(r.region_id, r.pods_changed) for r in report.regions] == [
        ("eu-ams-1", 6),
        ("uk-lon-1", 2),
        ("us-chi-1", 1),
        ("us-tex-1", 48),
    ]
    assert (
        sum(r.counts.added for r in report.regions) == 12 * 18 - 1 + 8 * 18 - 1 + 16 * 8 * 18 + 32 * 32 + 11
    )
