"""Reported faults: what is confirmed or unknown makes the server move, and all are kept for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.errors import Forbidden, NotFound, ProviderUnavailable, StateConflict
from gpu_capacity.holders.steps import Step
from gpu_capacity.operations.list_fault_reports import list_fault_reports
from gpu_capacity.placements.fault_reports import (
    KEPT_SECONDS,
    FaultOutcome,
    FaultReason,
    decode_fault_report,
    encode_fault_report,
)
from gpu_capacity.placements.record import PlacementStatus
from gpu_capacity.placements.report_fault import report_placement_server_fault
from gpu_capacity.providers.port import Fitness, Readiness, ServerState
from testkit.world import REGION, caller
from tests.placements.bench import Bench, is_settled, provisioned_bench
from tests.placements.test_healing import FIRST, hosts, is_sound, quarantined, vanish

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.placements.fault_reports import FaultReport

NOWHERE: frozenset[str] = frozenset()


def report(bench: Bench, ordinal: int = 0, by: Caller | None = None, text: str | None = None) -> FaultReport:
    placement = bench.placement
    return report_placement_server_fault(
        bench.services,
        by or caller(),
        placement.id,
        placement.server_id(ordinal),
        (FaultReason.NVLINK, text),
        NOWHERE,
    )


def test_where_host_and_server_are_well_the_report_is_recorded_and_nothing_else() -> None:
    bench = provisioned_bench()
    before = bench.placement
    made = report(bench)
    assert (made.outcome, made.host_id) == (FaultOutcome.RECORDED, FIRST)
    assert bench.placement == before
    assert bench.world.workflows.executions == {}
    assert quarantined(bench) == {}
    assert list_fault_reports(bench.services, NOWHERE) == [made]


def test_all_reports_of_a_second_are_kept_and_a_repeat_is_one_of_them() -> None:
    bench = provisioned_bench()
    said = [report(bench, text=text) for text in ("port 1", "port 2", "port 1")]
    said.append(report(bench, ordinal=1, text="port 1"))
    kept = list_fault_reports(bench.services, NOWHERE)
    assert len(kept) == 3
    assert all(one in kept for one in said)


@pytest.mark.parametrize("readiness", [Readiness.NOT_READY, Readiness.UNKNOWN])
def test_a_fault_that_is_confirmed_or_unknown_moves_the_server_first_and_then_sets_the_host_aside(
    readiness: Readiness,
) -> None:
    bench = provisioned_bench()
    bench.provider.fit = Fitness(readiness, "link 3 is down")
    made = report(bench)
    bench.provider.fit = Fitness(Readiness.READY)
    assert made.outcome is FaultOutcome.MOVING
    assert quarantined(bench) == {}
    assert bench.placement.status is PlacementStatus.PROVISIONING
    assert bench.round() is Step.AGAIN
    assert [leaving.host_id for leaving in bench.placement.leaving] == [FIRST]
    assert list(quarantined(bench)) == [FIRST]
    assert bench.settle() is Step.DONE
    assert is_settled(bench, PlacementStatus.PROVISIONED)
    assert hosts(bench)[0] == "pod1-rack02-tray01"
    assert not bench.placement.condemned
    is_sound(bench)


@pytest.mark.parametrize("failed", [True, False])
def test_a_server_that_failed_or_vanished_confirms_the_fault(*, failed: bool) -> None:
    bench = provisioned_bench()
    if failed:
        bench.provider.move(ServerState.FAILED, 0, message="disk")
    else:
        vanish(bench, 0)
    made = report(bench)
    assert (made.outcome, made.host_id) == (FaultOutcome.MOVING, FIRST)
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack02-tray01"


def test_without_another_host_the_server_stays_and_the_host_is_set_aside_nevertheless() -> None:
    bench = provisioned_bench(room=False)
    bench.provider.unready = {FIRST}
    report(bench)
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == FIRST
    assert list(quarantined(bench)) == [FIRST]
    assert "no fit host of the reservation is free" in str(bench.placement.failure)


def test_a_server_leaves_a_host_in_a_maintenance_and_the_host_is_not_blamed() -> None:
    bench = provisioned_bench()
    bench.provider.unready = {FIRST}
    bench.provider.in_maintenance = {FIRST}
    assert report(bench).outcome is FaultOutcome.MOVING
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack02-tray01"
    assert quarantined(bench) == {}
    is_sound(bench)


def test_a_report_beside_a_workflow_reaches_its_next_round() -> None:
    bench = provisioned_bench()
    bench.provider.unready = {FIRST}
    bench.want()
    attempt = bench.placement.attempt
    report(bench)
    assert bench.placement.attempt == attempt
    assert [condemned.ordinal for condemned in bench.placement.condemned] == [0]
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == "pod1-rack02-tray01"


def test_a_report_of_a_server_that_has_moved_meanwhile_condemns_nothing() -> None:
    bench = provisioned_bench()
    bench.provider.unready = {FIRST}
    vanish(bench, 0)
    report(bench)
    bench.settle()
    moved = hosts(bench)[0]
    report(bench)
    assert bench.settle() is Step.DONE
    assert hosts(bench)[0] == moved


def test_a_server_that_is_not_there_yet_or_is_going_cannot_be_reported() -> None:
    bench = Bench()
    with pytest.raises(StateConflict, match="not there yet"):
        report(bench)
    bench = provisioned_bench()
    bench.delete()
    with pytest.raises(StateConflict, match="being deleted"):
        report(bench)


def test_a_provider_that_does_not_answer_confirms_nothing() -> None:
    bench = provisioned_bench()
    bench.provider.down = True
    with pytest.raises(ProviderUnavailable):
        report(bench)
    assert list_fault_reports(bench.services, NOWHERE) == []
    assert bench.placement.status is PlacementStatus.PROVISIONED


def test_only_who_may_operate_its_own_servers_can_report() -> None:
    bench = provisioned_bench()
    with pytest.raises(Forbidden):
        report(bench, by=caller(permissions=frozenset({Permission.READ_PLACEMENTS})))
    with pytest.raises(NotFound, match="the placement does not exist"):
        report(bench, by=caller(organizations=frozenset({"others"})))


def test_operators_see_a_report_in_log_audit_and_metric_and_the_text_in_the_record_only() -> None:
    bench = provisioned_bench()
    made = report(bench, text="NCCL hangs")
    telemetry = bench.world.telemetry
    assert telemetry.counts["FaultsReported:recorded"] == 1
    line = telemetry.audits[-1]
    assert (line.action, line.outcome) == ("report_placement_server_fault", "recorded")
    (logged,) = [details for message, details in telemetry.lines if message == "fault reported"]
    assert logged["host"] == FIRST
    assert "NCCL" not in f"{telemetry.lines} {telemetry.audits}"
    assert made.text == "NCCL hangs"


def test_reports_are_listed_by_region_latest_first_and_expire() -> None:
    bench = provisioned_bench()
    first = report(bench)
    bench.clock.advance(5)
    second = report(bench, 1, text="again")
    assert list_fault_reports(bench.services, frozenset({REGION})) == [second, first]
    assert list_fault_reports(bench.services, frozenset({"elsewhere"})) == []
    item = decode(encode_fault_report(second))
    assert decode_fault_report(item) == second
    assert item["ttl_sweep_at"] == second.reported_at + KEPT_SECONDS
