"""POST /api/v2/reservations/{reservationID}/maintenances/{maintenanceID}/allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import operator_arrangements as operated

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def test_an_owner_reads_of_a_maintenance_and_allows_it(stage: Stage) -> None:
    operated.maintenance_over_provisioned(stage)
    stage.clock.advance(5)
    (before,) = stage.request_event("get_reservation", "found").json["status"]["maintenances"]
    assert "allowedTime" not in before

    answer = stage.request_event("allow_reservation_maintenance", "allowed")

    assert answer.status == 200
    (after,) = answer.json["status"]["maintenances"]
    assert after == before | {"allowedTime": after["allowedTime"]}
    (permit,) = stage.request_event("get_maintenance", "found").json["permits"]
    assert permit["time"] == after["allowedTime"]
    stage.run_event("run_maintenances", "scheduled")
    taken = stage.request_event("get_maintenance", "found").json["hosts"]
    assert set(after["hosts"]) == {host["hostId"] for host in taken if host["held"]}


def test_servers_of_a_placement_show_it_too(stage: Stage) -> None:
    operated.maintenance_over_provisioned(stage)
    stage.clock.advance(5)
    placement = stage.request_event("get_placement", "found").json
    (notice,) = placement["status"]["maintenances"]
    assert notice["reason"] == "new cables"
    assert notice["hosts"]
