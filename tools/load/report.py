"""The load run as a section of docs/proof.md."""

from __future__ import annotations

from typing import Any, Final

from tools.reporting.results import Section, service_version

_TEXT: Final = """\
Customers, each its own tenant, create and delete through HTTP on the emulator: reservations of racks and of
8-GPU machines, and capacity claims, in the large region of the sample fleet. Then they fill it, from their
largest size down to single units; then they delete everything. Audits follow when it is full and when it is
empty. A 507 does not count as a server error. The figures are those of the emulator on one machine."""

_LIMITS: Final = """\
The machine is the limit: the emulator, its function processes, the HTTP proxy and the clients share its
cores, and so do the workflow steps behind each accepted call. The emulator starts a process of 50 MB for
each call that finds all others busy, where AWS would start another machine. So calls of one function take
turns here, as many at a time as the table says; the others wait at the proxy in order of arrival. Waiting
and serving are measured separately; the client sees their sum. With more clients calls wait longer and the
rate stays the same. Processes are started before the measurement. The benchmarks show what a decision costs
and how acceptance scales on DynamoDB."""


def section(figures: dict[str, Any]) -> Section:
    """Build the section from ``figures`` as `tools.load` prints them."""
    alone, together = figures["one_client"], figures["all_clients"]
    filled = figures["saturation"]
    busy = together["cpu_busy_share"]
    shown: dict[str, Any] = {
        "clients": figures["clients"],
        "seconds of coming and going": figures["seconds"],
        "calls": together["calls"],
        "calls a second": together["calls_per_second"],
        "calls a second of one client alone": alone["calls_per_second"],
        "calls of one function at a time": figures["processes_per_function_max"],
        "share of the calls' time that was waiting at the front": f"{100 * together['waited_share']:.0f} %",
        "cores": figures["cores"],
        "share of them that was busy": "unknown" if busy is None else f"{100 * busy:.0f} %",
        "processes of the stack": together["worker_processes"],
        "server errors, whole run": figures["server_errors"],
        "seconds until everything was given back": figures["seconds_until_empty"],
        "seconds to fill the region": filled["seconds"],
        "reservations that filled it": filled["reservations"],
        "refused for lack of room while it filled": filled["refused"],
        "seconds of the whole run, with the start of the stack": figures["total_seconds"],
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
            f"{found['median_ms']:,} / {found['p99_ms']:,}",
            f"{found['waited_median_ms']:,} / {found['waited_p99_ms']:,}",
            f"{found['served_median_ms']:,} / {found['served_p99_ms']:,}",
            _of_one(alone["operations"].get(operation)),
        ]
        for operation, found in together["operations"].items()
    ]
    header = ["operation", "calls", "answers", "median / p99 (ms)"]
    header += ["of that waiting at the front", "of that served", "one client alone, median / p99"]
    return Section(
        title="Load",
        order=70,
        version=service_version(),
        text=[_TEXT, _LIMITS],
        figures=shown,
        tables=[{"header": header, "rows": rows}],
        raw=figures,
    )


def _of_one(found: dict[str, Any] | None) -> str:
    return "" if found is None else f"{found['median_ms']:,} / {found['p99_ms']:,}"
