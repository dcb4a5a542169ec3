"""Maintenances as operators see them, from the plan to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def _get(stage: Stage) -> dict[str, Any]:
    shown: dict[str, Any] = stage.request_event("get_maintenance", "found").json
    return shown


def _run(stage: Stage) -> None:
    stage.run_event("run_maintenances", "scheduled")


def test_a_plan_is_listed_and_says_who_made_it(stage: Stage) -> None:
    given.sample(stage)
    assert stage.request_event("plan_maintenance", "dry_run").status == 200
    assert stage.request_event("list_maintenances", "all").json == []

    planned = stage.request_event("plan_maintenance", "with_force")

    assert planned.status == 201
    assert planned.json["by"] == "operator@example.com"
    assert planned.json["status"] == "planned"
    assert planned.json["force"]["effectiveTime"] == planned.json["startTime"]
    assert stage.request_event("list_maintenances", "filtered").json == [planned.json]


def test_an_open_maintenance_shows_its_hosts_and_ends(stage: Stage) -> None:
    operated.maintenance_planned(stage)
    assert _get(stage)["hosts"] == []
    stage.clock.advance(86_400)

    _run(stage)

    opened = _get(stage)
    assert opened["status"] == "open"
    assert len(opened["hosts"]) == 36
    assert all(host["inMaintenanceSince"] and not host["held"] for host in opened["hosts"])
    stage.clock.advance(86_400)
    _run(stage)
    assert (_get(stage)["status"], _get(stage)["hosts"]) == ("ended", [])


def test_a_change_moves_the_window_and_a_cancellation_ends_it(stage: Stage) -> None:
    operated.maintenance_planned(stage)
    before = _get(stage)
    assert stage.request_event("change_maintenance", "dry_run").json["startTime"] == "2026-06-02T08:00:00Z"
    assert _get(stage) == before

    assert stage.request_event("change_maintenance", "later").status == 200
    assert _get(stage)["startTime"] == "2026-06-02T08:00:00Z"
    assert stage.request_event("cancel_maintenance", "planned").json["status"] == "ending"
    _run(stage)

    assert _get(stage)["status"] == "cancelled"
    assert stage.request_event("change_maintenance", "later").status == 412, "it was decided on the plan"


def test_a_dry_run_shows_who_has_the_hosts(stage: Stage) -> None:
    given.servers_up(stage)
    impact = stage.request_event("plan_maintenance", "dry_run").json["impact"]
    assert impact["hostCount"] == 18

    drained = stage.request_event("get_pod_drain", "pod").json

    kinds = {holder["kind"] for holder in drained["impact"]["holders"]}
    assert kinds == {"reservation", "placement"}
    assert drained["empty"] is False
    assert "cordon" not in drained
    named = {holder["id"]: holder["hosts"] for holder in drained["impact"]["holders"]}
    assert all(hosts == sorted(hosts) for hosts in named.values())


def test_a_drain_empties_and_shows_its_cordon(stage: Stage) -> None:
    given.inventory(stage)
    drained = stage.request_event("get_pod_drain", "pod").json
    impact = drained["impact"]
    assert (drained["empty"], impact["holders"]) == (True, [])
    assert impact["freeHostCount"] == impact["hostCount"] > 0


def test_the_impact_of_a_maintenance_says_who_allowed_it(stage: Stage) -> None:
    operated.maintenance_over_provisioned(stage)
    assert stage.request_event("allow_reservation_maintenance", "allowed").status == 200
    holders = _get(stage)["impact"]["holders"]
    (mine,) = [holder for holder in holders if "allowedTime" in holder]
    assert mine["kind"] == "reservation"
