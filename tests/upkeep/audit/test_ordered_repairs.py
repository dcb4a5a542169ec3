"""Repairs that operators order: only what is named, found again at that moment, and nothing that is owned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.errors import InvalidRequest, NotFound, StateConflict, StorageUnavailable
from gpu_capacity.inventory.audit_runs import AuditRun, RepairOrder, decode_audit_run, encode_audit_run
from gpu_capacity.operations.audits import get_audit, start_audit, start_repair
from gpu_capacity.upkeep.audit.findings import Repair, TakeAway, Write
from gpu_capacity.upkeep.audit.recorded import Recorder, run_recorded
from gpu_capacity.upkeep.audit.repair import EFFECTS
from testkit.dynamodb import throttled
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, SERVERS
from tests.upkeep.audit import planted, planted_servers
from tests.upkeep.audit.planted import NOBODY, PLANTED, Planted
from tests.upkeep.audit.planted_bookings import PLANTED_BOOKINGS
from tests.upkeep.audit.planted_servers import PLANTED_SERVERS
from tests.upkeep.audit.planted_vms import PLANTED_VMS
from tests.upkeep.audit.scene import Scene

OPERATOR = "operator@example.com"
CASES = [*PLANTED, *PLANTED_BOOKINGS, *PLANTED_SERVERS, *PLANTED_VMS]


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def _run(scene: Scene, run: AuditRun) -> dict[str, Any]:
    services = scene.world.services
    recorder = Recorder(services.audit_runs, services.clock, services.ids)
    report: dict[str, Any] = run_recorded(recorder, scene.auditor(), run.id)
    return report


def _audited(scene: Scene) -> dict[str, Any]:
    """A run of the audit, as it was recorded."""
    asked = start_audit(scene.world.services, OPERATOR)
    _run(scene, asked)
    report = get_audit(scene.world.services, asked.id).report
    assert report is not None
    return {"id": asked.id, **report}


def _order(audit: dict[str, Any], **changes: Any) -> RepairOrder:
    """To repair all that can be."""
    ids = tuple(one["id"] for one in audit["findings"] if one["result"] == "repairable")
    return replace(RepairOrder(audit["id"], ids, (), "tidy up", applied=True), **changes)


def _repaired(scene: Scene, order: RepairOrder) -> dict[str, str]:
    """What became of each kind."""
    run = start_repair(scene.world.services, OPERATOR, order)
    return {one["kind"]: one["result"] for one in _run(scene, run)["findings"]}


def _data(scene: Scene) -> dict[str, Any]:
    """All tables without the records of runs."""
    tables = scene.db.dump()
    tables[INVENTORY] = [i for i in tables[INVENTORY] if i["pk"]["S"] != keys.AUDITS_PARTITION]
    return tables


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_order_repairs_what_an_audit_that_repairs_by_itself_does(case: Planted) -> None:
    scene, other = case.scene.ready(), case.scene.ready()
    for each in (scene, other):
        case.plant(each)
    audit = _audited(scene)
    order = _order(audit)
    if order.finding_ids:
        _repaired(scene, order)

    other.audit(fix=True)

    scenes = [_without_times(_data(each)) for each in (scene, other)]
    assert scenes[0] == scenes[1]


def _without_times(tables: dict[str, Any]) -> dict[str, Any]:
    return {name: [_without_time(item) for item in items] for name, items in tables.items()}


def _without_time(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "unsettled_since"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_dry_run_changes_nothing(case: Planted) -> None:
    scene = case.scene.ready()
    case.plant(scene)
    order = _order(_audited(scene), applied=False)
    if not order.finding_ids:
        return
    before = _data(scene)

    run = start_repair(scene.world.services, OPERATOR, order)
    report = _run(scene, run)

    assert _data(scene) == before
    assert (scene.world.audits.started[-1], scene.world.audits.repairing) == (run.id, [])
    assert {one["result"] for one in report["findings"]} <= {"repairable", "refused", "reported"}
    assert all(one.get("repair") for one in report["findings"])


def test_only_what_is_named_is_repaired_with_its_trail(scene: Scene) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    planted.more_is_counted_than_there_is(scene)
    audit = _audited(scene)
    (chosen,) = (one for one in audit["findings"] if one["kind"] == "name_stale")
    scene.world.telemetry.audits.clear()

    assert _repaired(scene, _order(audit, finding_ids=(chosen["id"],))) == {"name_stale": "repaired"}

    asked, done = scene.world.telemetry.audits
    assert (asked.actor, asked.action, asked.details["reason"]) == (OPERATOR, "start_repair", "tidy up")
    assert (done.actor, done.action, done.target) == (OPERATOR, "repair_name_stale", chosen["subject"])
    assert (done.outcome, done.details["reason"]) == ("repaired", "tidy up")
    assert [one["kind"] for one in _audited(scene)["findings"]] == ["quota_drift"]


def test_what_is_not_found_any_more_is_left_alone_and_said(scene: Scene) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    audit = _audited(scene)
    _repaired(scene, _order(audit))
    before = _data(scene)

    run = start_repair(scene.world.services, OPERATOR, _order(audit))
    report = _run(scene, run)

    assert [(one["kind"], one["result"]) for one in report["findings"]] == [("name_stale", "vanished")]
    assert report["clean"] is True
    assert _data(scene) == before


def test_what_cannot_be_found_because_something_cannot_be_read_has_not_vanished(scene: Scene) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    audit = _audited(scene)
    scene.db.before("scan", throttled(), times=None, only=lambda asked: asked["TableName"] == SERVERS)

    run = start_repair(scene.world.services, OPERATOR, _order(audit))
    report = _run(scene, run)

    results = {one["kind"]: one["result"] for one in report["findings"]}
    assert results == {"provider_silent": "reported", "server_leaked": "refused"}
    assert report["clean"] is False


def test_a_customer_who_takes_the_hardware_meanwhile_keeps_it(scene: Scene) -> None:
    """The booking of a deleted record is to be ended, and its record comes back before it is."""
    record = scene.db.get_item(TableName=HOLDERS, Key=keys.reservation(ORGANIZATION, scene.pending))["Item"]
    scene.delete(HOLDERS, keys.reservation(ORGANIZATION, scene.pending))
    audit = _audited(scene)
    order = _order(audit)
    assert order.finding_ids
    scene.db.put_item(TableName=HOLDERS, Item=record)
    before = _data(scene)

    assert set(_repaired(scene, order).values()) == {"vanished"}
    assert _data(scene) == before


def test_what_no_record_accounts_for_needs_its_name(scene: Scene) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    audit = _audited(scene)
    (finding,) = audit["findings"]
    assert finding["takeAway"] == f"{NOBODY}-1780000000"

    assert _repaired(scene, _order(audit)) == {"server_leaked": "reported"}
    with pytest.raises(InvalidRequest, match="takeAway"):
        start_repair(scene.world.services, OPERATOR, _order(audit, take_away=(scene.provisioned,)))
    named = _order(audit, take_away=(finding["takeAway"],))
    assert _repaired(scene, named) == {"server_leaked": "repaired"}


def test_an_order_that_comes_twice_is_carried_out_once(scene: Scene) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    run = start_repair(scene.world.services, OPERATOR, _order(_audited(scene)))
    _run(scene, run)
    before = scene.db.dump()

    assert _run(scene, run) == {"skipped": run.id}
    assert scene.db.dump() == before


def test_a_database_that_fails_in_the_middle_leaves_a_failed_run(scene: Scene) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    run = start_repair(scene.world.services, OPERATOR, _order(_audited(scene)))
    scene.db.before("transact_write_items", throttled(), times=None)

    with pytest.raises(StorageUnavailable):
        _run(scene, run)

    assert get_audit(scene.world.services, run.id).failure is not None


def test_what_cannot_be_ordered_is_refused_before_it_is_recorded(scene: Scene) -> None:
    services = scene.world.services
    planted_servers.two_servers_have_a_host(scene)
    audit = _audited(scene)
    (undecided,) = (one for one in audit["findings"] if one["kind"] == "server_disagrees")
    unended = start_audit(services, OPERATOR)
    before = scene.db.dump()
    for error, order in (
        (InvalidRequest, _order(audit, finding_ids=(undecided["id"],))),
        (InvalidRequest, _order(audit, finding_ids=("0" * 16,))),
        (InvalidRequest, _order(audit, finding_ids=(), reason=" ")),
        (InvalidRequest, _order(audit, finding_ids=(), reason="ü" * 300)),
        (NotFound, _order(audit, audit_id="0-0")),
        (StateConflict, _order(audit, audit_id=unended.id)),
    ):
        with pytest.raises(error):
            start_repair(services, OPERATOR, order)
    assert scene.db.dump() == before


def test_an_order_is_stored_with_its_run() -> None:
    order = RepairOrder("1-1", ("a", "b"), ("c",), "why", applied=False)
    run = AuditRun("0-0", OPERATOR, 5, order=order)
    assert decode_audit_run(decode(encode_audit_run(run))) == run


def test_every_repair_says_what_it_does() -> None:
    assert set(EFFECTS) == {*get_args(Write), TakeAway} == set(get_args(Repair))
