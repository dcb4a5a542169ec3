"""Quarantines: a host that failed is sold to nobody until an operator or a reported repair lifts that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import InvalidRequest, NotFound, StorageUnavailable
from gpu_capacity.inventory.cordons import Cause, Cordon, Target
from gpu_capacity.inventory.fleet.acceptance import DropLimits
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.preview import preview
from gpu_capacity.operations.cordon import Cordoner
from gpu_capacity.operations.cordoning import ENTRIES_MAX
from gpu_capacity.operations.quarantine import TEXT_BYTES_MAX, Quarantines
from gpu_capacity.times import rfc3339
from testkit.doubles import AuditLine
from testkit.dynamodb.faults import transaction_conflict
from testkit.fleet.documents import document, pod, raw, region
from testkit.fleet.world import FleetWorld
from tools.fleet_check import describe

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import DomainShape

HOST = "p1-r2-h1"
TARGET = Target(host_id=HOST)


@pytest.fixture
def world() -> FleetWorld:
    made = FleetWorld()
    made.sync(document(1))
    return made


def quarantines(world: FleetWorld) -> Quarantines:
    return Quarantines(world.store, world.telemetry, world.pause, world.clock)


def set_aside(world: FleetWorld, host_id: str = HOST, **options: Any) -> bool:
    return quarantines(world).set("r1", host_id, "does not boot", "PXE timeout", **options)


def entries(world: FleetWorld) -> tuple[Cordon, ...]:
    return world.store.cordons("r1").entries


def rack(world: FleetWorld) -> DomainShape:
    shape = world.pod("p1").shape
    assert shape is not None
    return shape.domains[2]


def repaired(sequence: int, at: int, host_id: str = HOST) -> dict[str, Any]:
    content = document(sequence)
    for p in content["regions"][0]["pods"]:
        for domain in p["domains"]:
            for host in domain["hosts"]:
                if host["id"] == host_id:
                    host["repairedAt"] = rfc3339(at)
    return content


@pytest.mark.parametrize("pod_id", [None, "p1", "p2", "gone"])
def test_a_host_is_set_aside_wherever_it_was_last_seen(world: FleetWorld, pod_id: str | None) -> None:
    assert set_aside(world, by="workflow:provision", pod_id=pod_id)

    now = world.clock.now()
    assert entries(world) == (
        Cordon(TARGET, "does not boot", now, "workflow:provision", Cause.QUARANTINE, "PXE timeout"),
    )
    assert (rack(world).complete, rack(world).usable, rack(world).in_service) == (False, 0b101, 2)
    assert world.telemetry.counts["HostsQuarantined"] == 1
    line = AuditLine(
        "workflow:provision", "quarantine", f"r1: host {HOST}", "set", {"reason": "does not boot"}
    )
    assert world.telemetry.audits[-1] == line


def test_a_repeat_keeps_the_first_reason_and_time(world: FleetWorld) -> None:
    set_aside(world)
    first, writes = entries(world), world.writes()
    world.clock.advance(60)

    assert quarantines(world).set("r1", HOST, "something else")

    assert (entries(world), world.writes()) == (first, writes)
    assert world.telemetry.counts["HostsQuarantined"] == 1


def test_a_repeat_finishes_what_was_left(world: FleetWorld) -> None:
    world.db.before("transact_write_items", transaction_conflict(4, at=1), times=None)
    with pytest.raises(StorageUnavailable):
        set_aside(world)
    assert rack(world).complete
    world.db.calm()

    assert set_aside(world)
    assert not rack(world).complete


def test_a_host_that_is_gone_needs_none(world: FleetWorld) -> None:
    assert not set_aside(world, "p9-r0-h0")
    assert entries(world) == ()


def test_a_region_that_has_no_room_for_more_is_no_failure(world: FleetWorld) -> None:
    before = world.store.cordons("r1")
    full = before
    for number in range(ENTRIES_MAX):
        full = full.with_cordon(Cordon(Target(host_id=f"h{number}"), "leaks", 1, "operator:me"))
    world.store.write_cordons(before, full)

    assert not set_aside(world)
    assert len(entries(world)) == ENTRIES_MAX
    with pytest.raises(InvalidRequest, match="at most 480 cordons"):
        quarantines(world).place("r1", HOST, "leaks", by="operator:me")
    with pytest.raises(NotFound, match="no such host"):
        quarantines(world).place("r1", "p9-r0-h0", "leaks", by="operator:me")


def test_texts_are_cut_between_characters(world: FleetWorld) -> None:
    quarantines(world).set("r1", HOST, "é" * TEXT_BYTES_MAX, "x" * 1000)
    (found,) = entries(world)
    assert found.reason == "é" * (TEXT_BYTES_MAX // 2)
    assert found.evidence == "x" * TEXT_BYTES_MAX


def test_a_cordon_and_a_quarantine_of_one_host_are_told_apart(world: FleetWorld) -> None:
    set_aside(world)
    cordoner = Cordoner(world.store, world.telemetry, world.pause, world.clock, "operator:me")
    cordoner.cordon("r1", TARGET, "to be looked at")
    assert [c.cause for c in entries(world)] == [Cause.QUARANTINE, Cause.CORDON]

    cordoner.uncordon("r1", TARGET)
    assert ([c.cause for c in entries(world)], rack(world).in_service) == ([Cause.QUARANTINE], 2)

    quarantines(world).lift("r1", HOST, by="operator:me")
    assert (entries(world), rack(world).complete, rack(world).in_service) == ((), True, 3)


def test_what_is_not_in_quarantine_cannot_leave_it(world: FleetWorld) -> None:
    with pytest.raises(NotFound):
        quarantines(world).lift("r1", HOST, by="operator:me")


def test_a_sync_keeps_the_quarantine(world: FleetWorld) -> None:
    set_aside(world)
    world.sync(document(2, [region(pods=[pod("p1"), pod("p2"), pod("p3")])]))
    assert (rack(world).complete, rack(world).in_service) == (False, 2)


@pytest.mark.parametrize(("after", "lifts"), [(-60, False), (0, False), (1, True), (60, True)])
def test_a_repair_that_is_reported_lifts_an_older_quarantine(
    world: FleetWorld, after: int, *, lifts: bool
) -> None:
    set_aside(world)
    set_aside(world, "p1-r0-h0")
    content = repaired(2, world.clock.now() + after)
    fleet = parse(raw(content))
    found = preview(fleet, world.store.read(fleet.regions), DropLimits())

    (report,) = world.sync(content).regions

    expected = (HOST,) if lifts else ()
    assert (found.lifted.get("r1", ()), report.lifted) == (expected, expected)
    assert len(found.pods) == report.pods_changed == len(expected)
    assert [f"lifted: quarantine of host {h} in region r1" for h in expected] == describe(found, {})[:lifts]
    assert (HOST in world.store.cordons("r1").quarantines, rack(world).complete) == (not lifts, lifts)
    assert "p1-r0-h0" in world.store.cordons("r1").quarantines
    assert world.telemetry.counts["QuarantinesLifted"] == len(expected)


def test_a_repair_says_nothing_of_cordons(world: FleetWorld) -> None:
    cordoner = Cordoner(world.store, world.telemetry, world.pause, world.clock, "operator:me")
    cordoner.cordon("r1", TARGET, "to be looked at")
    world.sync(repaired(2, world.clock.now() + 60))
    assert [c.cause for c in entries(world)] == [Cause.CORDON]


def test_a_quarantine_that_is_set_while_others_are_lifted_stays(world: FleetWorld) -> None:
    set_aside(world)

    def another(_operation: str, _parameters: Any) -> None:
        set_aside(world, "p1-r0-h0")

    world.db.before("put_item", another, times=1)
    world.sync(repaired(2, world.clock.now() + 60))

    assert list(world.store.cordons("r1").quarantines) == ["p1-r0-h0"]


def test_a_region_that_does_not_follow_the_document_keeps_its_quarantines(world: FleetWorld) -> None:
    set_aside(world)
    halved = repaired(2, world.clock.now() + 60)
    del halved["regions"][0]["pods"][1]

    report = world.sync(halved)

    assert [p.code for p in report.parts_deferred] == ["drops_too_much"]
    assert HOST in world.store.cordons("r1").quarantines


def test_a_repair_is_content_of_a_document(world: FleetWorld) -> None:
    contents = document(2), repaired(2, 10**9), repaired(2, 10**9 + 1)
    assert len({parse(raw(content)).digest for content in contents}) == 3
