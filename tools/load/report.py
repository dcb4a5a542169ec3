"""The load run as a section of docs/proof.md."""

from __future__ import annotations

from typing import Any, Final

from proof.results import Section

_TEXT: Final = """\
Customers with a tenant each come and go through HTTP on the emulator: reservations of racks, of 8-GPU
machines, and capacity claims, in the large region of the sample fleet. Then they fill it, from their
largest size down to single units, until not one more fits; then they leave. Audits follow when it is
full, and when it is empty again. 507 is an answer, not a server error: there is no room. (`make load`)"""

_LIMITS: Final = """\
What limits it is the machine: the emulator with its function processes, the clients and the HTTP front
share its cores. A single client sees what one call costs there; with all of them calls queue for the
processor, and latency grows with the number of clients while the rate does not. These are figures of
the emulator, not of AWS; what a decision costs by itself and how acceptance scales on DynamoDB is in
the benchmarks and in the decision records."""


def section(figures: dict[str, Any]) -> Section:
    """``figures`` as `tools.load` prints them."""
    alone, together = figures["one_client"], figures["all_clients"]
    filled = figures["saturation"]
    busy = together["cpu_busy_share"]
    shown: dict[str, Any] = {
        "clients": figures["clients"],
        "seconds of coming and going": figures["seconds"],
        "calls": together["calls"],
        "calls a second": together["calls_per_second"],
        "calls a second of one client alone": alone["calls_per_second"],
        "cores": figures["cores"],
        "share of them that was busy": "unknown" if busy is None else f"{100 * busy:.0f} %",
        "processes of the stack": together["worker_processes"],
        "server errors, whole run": figures["server_errors"],
        "seconds until everything was given back": figures["seconds_until_empty"],
        "seconds to fill the region": filled["seconds"],
        "findings of the audit, full / empty": (
            f"{figures['audit_findings_full']} / {figures['audit_findings_empty']}"
        ),
    }
    for offering, found in filled["offerings"].items():
        shown[f"{offering}: units there are / accepted / left"] = (
            f"{found['capacity']:,} / {found['accepted']:,} / {found['left']:,}"
        )
    rows = [
        [
            operation,
            found["calls"],
            ", ".join(f"{status}: {count}" for status, count in found["statuses"].items()),
            found["median_ms"],
            found["p99_ms"],
            alone["operations"].get(operation, {}).get("median_ms", ""),
        ]
        for operation, found in together["operations"].items()
    ]
    header = ["operation", "calls", "answers", "median (ms)", "p99 (ms)", "median of one client alone (ms)"]
    return Section(
        title="Load",
        order=70,
        text=[_TEXT, _LIMITS],
        figures=shown,
        tables=[{"header": header, "rows": rows}],
        raw=figures,
    )
