"""Every kind of corruption is found; what is provably safe is repaired, and nothing else is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.upkeep.audit.findings import Kind
from tests.upkeep.audit import planted
from tests.upkeep.audit.planted import PLANTED, Planted
from tests.upkeep.audit.planted_bookings import PLANTED_BOOKINGS
from tests.upkeep.audit.planted_placements import PLANTED_PLACEMENTS, PlacementScene
from tests.upkeep.audit.planted_servers import PLANTED_SERVERS
from tests.upkeep.audit.planted_vms import PLANTED_VMS
from tests.upkeep.audit.scene import Scene, found, results
from tests.upkeep.audit.vm_scene import VmScene

if TYPE_CHECKING:
    from collections.abc import Callable


ALL = (*PLANTED, *PLANTED_BOOKINGS, *PLANTED_PLACEMENTS, *PLANTED_SERVERS, *PLANTED_VMS)


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


@pytest.mark.parametrize("kind", [Scene, PlacementScene, VmScene])
def test_a_consistent_service_has_no_findings(kind: type[Scene]) -> None:
    scene = kind.ready()
    report = scene.audit()
    assert report.is_clean
    assert (report.reported, report.notices, report.unjudged) == ((), (), ())


@pytest.mark.parametrize("case", ALL, ids=str)
def test_exactly_the_planted_corruption_is_found(case: Planted) -> None:
    scene = case.scene.ready()
    case.plant(scene)
    before = scene.db.dump()
    report = scene.audit()
    assert found(report) == sorted(case.kinds)
    assert not report.is_clean
    assert scene.db.dump() == before


@pytest.mark.parametrize("case", ALL, ids=str)
def test_only_provably_safe_repairs_are_made_and_each_is_audited(case: Planted) -> None:
    scene = case.scene.ready()
    case.plant(scene)
    scene.world.telemetry.audits.clear()
    report = scene.audit(fix=True)
    assert report.is_clean == case.repaired
    assert scene.audit().is_clean == case.repaired
    repairs = [line for line in scene.world.telemetry.audits if line.outcome == "repaired"]
    assert len(repairs) == sum(one.result.value == "repaired" for one in report.reported)
    assert all(line.actor == "schedule:audit" for line in repairs)


@pytest.mark.parametrize("case", [p for p in ALL if not p.repaired], ids=str)
def test_a_second_fix_has_nothing_to_do(case: Planted) -> None:
    scene = case.scene.ready()
    case.plant(scene)
    scene.audit(fix=True)
    before = scene.db.dump()
    assert "repaired" not in results(scene.audit(fix=True))
    assert scene.db.dump() == before


@pytest.mark.parametrize(
    "plant", [planted.an_entry_stands_for_another_claim, planted.two_claims_have_one_name]
)
def test_a_repair_that_would_be_refused_is_not_tried(scene: Scene, plant: Callable[[Scene], None]) -> None:
    plant(scene)
    assert "refused" not in results(scene.audit(fix=True))


def test_every_kind_of_finding_is_planted() -> None:
    assert {kind for case in ALL for kind in case.kinds} == set(Kind)


def test_each_finding_is_counted_under_its_kind(scene: Scene) -> None:
    planted.a_pending_reservation_is_not_in_the_index(scene)
    planted.a_deleted_claim_is_not_in_the_index(scene)
    planted.a_name_is_left_of_a_claim(scene)
    scene.audit()
    counts = scene.world.telemetry.counts
    assert counts["AuditFindings:unsettled_missing"] == 2
    assert counts["AuditFindings:name_stale"] == 1
    assert counts["AuditsRun"] == 1


def test_a_repaired_finding_is_not_counted_as_found(scene: Scene) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    scene.audit(fix=True)
    assert "AuditFindings" not in scene.world.telemetry.counts
    assert scene.world.telemetry.counts["AuditRepairs"] == 1
