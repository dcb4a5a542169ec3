"""Put load on a local stack of its own: `make load [CLIENTS=64] [DURATION=60] [ARGS=--report]`.

First one customer creates and deletes alone for some seconds, then all of them do. Then they fill the large
region until not one more unit fits, and delete everything. Exit code: 0 if there was no server error, exactly
the region's capacity was accepted and two audits (region full, and empty again) found nothing; else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.audit import run
from tools.interrupts import heed_interrupts
from tools.load.client import INSUFFICIENT, Client
from tools.load.figures import Machine, cores, descendants, latencies, waited_share
from tools.load.report import section
from tools.load.traffic import REGION, SIZES, Customer, in_parallel, leave
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.state import ROOT
from tools.local_stack.temporary import untouched_stack
from tools.local_stack.turns import PROCESSES_MAX
from tools.reporting.page import write
from tools.reporting.results import save
from tools.whole_numbers import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.local_stack.state import State

PARAMETERS: Final = {
    "SimulatedReadySeconds": "1",
    "SimulatedDeleteSeconds": "1",
    "SimulatedBootSeconds": "1",
    "SimulatedRebuildSeconds": "1",
    "PollSeconds": "1",
    # The throttle of the API is not measured.
    "ThrottleRate": "10000",
    "ThrottleBurst": "5000",
    "LogLevel": "WARNING",
}
ALONE_SECONDS: Final = 10.0
WARM_UP_SECONDS: Final = 5.0
FILL_SECONDS_MAX: Final = 240.0
CLIENTS_MAX: Final = 10_000
SECONDS_MAX: Final = 86_400


def main(arguments: list[str] | None = None) -> int:
    """Run all phases and print the figures."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--clients", default="", help="how many (CLIENTS=, default 64)")
    parser.add_argument("--seconds", default="", help="duration of create and delete (DURATION=, default 60)")
    parser.add_argument("--seed", default="1", help="decides what they do")
    parser.add_argument("--report", action="store_true", help="make the figures a section of docs/proof.md")
    options = parser.parse_args(arguments)
    try:
        clients_wanted = whole("CLIENTS", options.clients or "64", 1, CLIENTS_MAX)
        seconds = whole("DURATION", options.seconds or "60", 1, SECONDS_MAX)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    # Ending this run ends its stack too: SystemExit leaves through the blocks that stop processes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    began = time.monotonic()
    venvs = (ROOT / os.environ.get("VENVS", ".venvs")).resolve()
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        try:
            with untouched_stack(Path(folder), venvs, PARAMETERS) as (url, state):
                customers = [
                    Customer(Client(url, state.issuer_key, number), random.Random(f"{options.seed}/{number}"))  # noqa: S311 - no secret
                    for number in range(clients_wanted)
                ]
                figures = load(customers, state, seconds)
                # Before the stack stops, so that an error there loses no figures.
                figures["total_seconds"] = round(time.monotonic() - began)
                print(json.dumps(figures, indent=2), flush=True)
                if options.report:
                    save("load", section(figures))
                    write()
        except (LaunchError, TimeoutError, ConnectionError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0 if figures["passed"] else 1


def load(customers: Sequence[Customer], state: State, seconds: float) -> dict[str, Any]:
    """Run all phases on a stack whose large region is empty; return the figures as JSON."""
    _say("warming up …")
    warmed = _warm_up(customers[: PROCESSES_MAX + 1])
    _say(f"one customer for {ALONE_SECONDS:.0f} s …")
    alone = _phase(customers[:1], ALONE_SECONDS)
    _say(f"{len(customers)} customers for {seconds:.0f} s …")
    together = _phase(customers, seconds)
    together["worker_processes"] = descendants(os.getpid())
    _say("deleting everything …")
    emptied = leave(customers)
    _say("filling the region …")
    filled = _fill(customers)
    full = _findings(state)
    _say("deleting everything …")
    leave(customers)
    empty = _findings(state)
    faults = [fault for customer in customers for fault in customer.client.faults]
    exact = all(f["accepted"] == f["capacity"] and f["left"] == 0 for f in filled["offerings"].values())
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cores": cores(),
        "clients": len(customers),
        "seconds": seconds,
        "processes_per_function_max": PROCESSES_MAX,
        "warm_up_seconds": round(warmed, 1),
        "one_client": alone,
        "all_clients": together,
        "seconds_until_empty": round(emptied, 1),
        "saturation": filled,
        "server_errors": len(faults),
        "server_errors_seen": faults[:20],
        "audit_findings_full": full,
        "audit_findings_empty": empty,
        "passed": exact and not faults and not full and not empty,
    }


def _warm_up(customers: Sequence[Customer]) -> float:
    """Make the emulator start the processes of every function before the measurement; return the seconds.

    Mostly one call at a time: among many others, a first call can exceed its function's timeout.
    """
    began = time.monotonic()
    for together in range(1, len(customers) + 1):
        _create_and_delete(customers[:together], WARM_UP_SECONDS)
    leave(customers)
    return time.monotonic() - began


def _create_and_delete(customers: Sequence[Customer], seconds: float) -> None:
    until = time.monotonic() + seconds
    in_parallel(customers, lambda customer: customer.create_and_delete(until))


def _phase(customers: Sequence[Customer], seconds: float) -> dict[str, Any]:
    """Let them create and delete for that many seconds; return their figures."""
    for customer in customers:
        customer.client.calls.clear()
    before = Machine.now()
    _create_and_delete(customers, seconds)
    after = Machine.now()
    calls = [call for customer in customers for call in customer.client.calls]
    return {
        "calls": len(calls),
        "calls_per_second": round(len(calls) / (after.when - before.when), 1),
        "waited_share": waited_share(calls),
        "cpu_busy_share": before.busy_share_until(after),
        "operations": latencies(calls),
    }


def _fill(customers: Sequence[Customer]) -> dict[str, Any]:
    """Let them reserve until nothing fits, and compare the accepted units with the capacity."""
    watcher = customers[0].client
    before = watcher.units(REGION)
    for customer in customers:
        customer.client.calls.clear()
    began = time.monotonic()
    taken = in_parallel(customers, lambda customer: customer.fill(began + FILL_SECONDS_MAX))
    seconds = time.monotonic() - began
    after = watcher.units(REGION)
    return {
        "seconds": round(seconds, 1),
        "reservations": sum(len(customer.held) for customer in customers),
        "refused": sum(
            call.status == INSUFFICIENT for customer in customers for call in customer.client.calls
        ),
        "operations": latencies([call for customer in customers for call in customer.client.calls]),
        "offerings": {
            " ".join(offering): {
                "capacity": before[offering]["totalCount"],
                "accepted": sum(accepted[offering] for accepted in taken),
                "left": after[offering]["availableUnitCount"],
            }
            for offering in SIZES
        },
    }


def _findings(state: State) -> int:
    running = state.read_running()
    report = run(clients(running["emulatorUrl"]), running["outputs"])
    return len(report.reported)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
