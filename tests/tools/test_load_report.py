"""The load run's section reports what the run found."""

from __future__ import annotations

from typing import Any

from tools.load.client import Call
from tools.load.figures import latencies, waited_share
from tools.load.report import section
from tools.reporting.page import page

CALLS = [Call("create_reservation", 202, 2.0, 1.5), Call("create_reservation", 507, 4.0, 3.0)]


def phase(calls: list[Call]) -> dict[str, Any]:
    return {
        "calls": len(calls),
        "calls_per_second": 12.5,
        "waited_share": waited_share(calls),
        "cpu_busy_share": None,
        "operations": latencies(calls),
    }


FIGURES: dict[str, Any] = {
    "cores": 2,
    "clients": 64,
    "seconds": 60.0,
    "processes_per_function_max": 2,
    "one_client": phase([Call("create_reservation", 202, 0.02)]),
    "all_clients": phase(CALLS) | {"worker_processes": 40},
    "seconds_until_empty": 15.5,
    "saturation": {
        "seconds": 14.4,
        "reservations": 110,
        "refused": 64,
        "offerings": {"GB300 NVL72": {"capacity": 128, "accepted": 127, "left": 1}},
    },
    "server_errors": 3,
    "audit_findings_full": 1,
    "audit_findings_empty": 2,
    "total_seconds": 400,
}


def test_the_share_of_waiting_is_of_the_time_of_all_calls() -> None:
    assert (waited_share(CALLS), waited_share([])) == (0.75, 0)


def test_the_section_shows_waiting_separately_and_hides_no_failure() -> None:
    found = section(FIGURES)
    shown = page("", {"load": found})
    for line in (
        "| server errors, whole run | 3 | 0 |",
        "| findings of the audit, full / empty | 1 / 2 | 0 / 0 |",
        "| GB300 NVL72: units there are / accepted / left | 128 / 127 / 1 | none left |",
        "| share of the calls' time that was waiting at the front | 75 % |  |",
    ):
        assert line in shown
    [row] = found.tables[0]["rows"]
    assert row[1:] == [2, "202: 1, 507: 1", "2,000 / 4,000", "1,500 / 3,000", "500 / 1,000", "20 / 20"]
