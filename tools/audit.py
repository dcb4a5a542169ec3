"""Look for disagreements between holders and pods: `make audit [FIX=all REASON=…] [STACK=…] [STATE=…]`.

Has the stack ask the providers and read all tables, waits, and reports what certainly disagrees. With FIX the
stack then repairs that as far as that is safe: all, or the findings with these ids. STACK names a deployed
stack, with a token in TOKEN; without it the command works on the running local stack. Exit code: 0 if nothing
disagrees (any more), 1 if something does, 2 if the audit failed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock, SystemIds
from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.audit_runs import RUN_SECONDS_MAX, START_SECONDS_MAX, AuditStatus
from gpu_capacity.operations.api.audits import FINDINGS_MAX
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import Edges, audit_of, providers_of
from gpu_capacity.upkeep.audit.repair import Result
from gpu_capacity.upkeep.audit.run import AuditReport, audit_holders
from gpu_capacity.upkeep.audit.store import Tables
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_api import OperatorApi, at, operator_api
from tools.operator_stack import Stderr

CLEAN, FOUND, FAILED = 0, 1, 2

POLL_SECONDS: Final = 2
_POLLS_MAX: Final = (START_SECONDS_MAX + RUN_SECONDS_MAX) // POLL_SECONDS + 5
"""By then every run has ended or failed."""

_OVER: Final = (AuditStatus.ENDED, AuditStatus.FAILED)
_DONE: Final = (Result.REPAIRED, Result.VANISHED)


def main(arguments: list[str] | None = None) -> int:
    """Print the report and return the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument(
        "--fix",
        metavar="ID",
        nargs="*",
        help="repair what can be repaired safely; all of it, or the findings with these ids (FIX=)",
    )
    parser.add_argument("--reason", default="", help="with --fix: why, for the trail (REASON=)")
    parser.add_argument("--dry-run", action="store_true", help="with --fix: only show what would be done")
    parser.add_argument(
        "--take-away",
        metavar="NAME",
        action="append",
        default=[],
        help="with --fix: delete what this owner or VM has at a provider although it has no record",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args(arguments)
    if options.fix is not None and not options.reason:
        parser.error("--fix needs a --reason (REASON=)")
    try:
        api = operator_api(options.stack, options.state)
        report = have_run(api)
        if options.fix is not None:
            order = Order(options.fix, options.take_away, options.reason, applied=not options.dry_run)
            report = have_all_repaired(api, report, order)
    except (LaunchError, CapacityError, ClientError, BotoCoreError) as error:
        print(f"the audit could not be made: {error}", file=sys.stderr)
        return FAILED
    print(json.dumps(report, indent=2) if options.json else describe(report))
    return CLEAN if report["clean"] else FOUND


@dataclass(frozen=True)
class Order:
    """What to repair: findings by id, none for all that have a repair; and owners to take away by name."""

    findings: Sequence[str]
    take_away: Sequence[str]
    reason: str
    applied: bool


def have_run(api: OperatorApi) -> dict[str, Any]:
    """Have the stack run an audit, wait for it, and return it as the API shows it.

    Raises:
        LaunchError: the API refused it, or the run failed.
    """
    return _ended(api, api.call("POST", "/audits"))


def have_all_repaired(api: OperatorApi, audit: dict[str, Any], order: Order) -> dict[str, Any]:
    """The same as ``have_repaired``; while a report had no room for all findings, audit and repair again."""
    report = have_repaired(api, audit, order)
    while not order.findings and report.get("leftOutCount"):
        if not any(one["result"] == Result.REPAIRED for one in report["findings"]):
            break
        report = have_repaired(api, have_run(api), order)
    return report


def have_repaired(api: OperatorApi, audit: dict[str, Any], order: Order) -> dict[str, Any]:
    """Have the stack repair findings of an audit; the audit with what became of each.

    Raises:
        LaunchError: the API refused it, or a run failed. What was repaired before is repaired.
    """
    chosen = order.findings or [one["id"] for one in audit["findings"] if one["result"] == Result.REPAIRABLE]
    became: dict[str, dict[str, Any]] = {}
    for start in range(0, len(chosen), FINDINGS_MAX):
        some = chosen[start : start + FINDINGS_MAX]
        stated = {one["takeAway"] for one in audit["findings"] if one["id"] in some and "takeAway" in one}
        body = {
            "findingIds": some,
            "takeAway": [name for name in order.take_away if name in stated],
            "reason": order.reason,
            "apply": order.applied,
        }
        done = _ended(api, api.call("POST", at("audits", audit["id"], "repair"), body))
        became |= {one["id"]: one for one in done["findings"]}
    known = {one["id"]: one for one in audit["findings"]}
    findings = [*(known | became).values()]
    clean = not audit.get("leftOutCount") and all(one["result"] in _DONE for one in findings)
    return audit | {"findings": findings, "findingCount": len(findings), "clean": clean}


def _ended(api: OperatorApi, audit: dict[str, Any]) -> dict[str, Any]:
    for _ in range(_POLLS_MAX):
        if audit["status"] in _OVER:
            break
        time.sleep(POLL_SECONDS)
        audit = api.call("GET", at("audits", audit["id"]))
    if audit["status"] != AuditStatus.ENDED:
        raise LaunchError(audit.get("failure", f"audit {audit['id']} does not end"))
    return audit


def run(client: Callable[[str], Any], outputs: Mapping[str, str]) -> AuditReport:
    """Run one audit here, with the settings of the stack's own, so that it asks the same providers."""
    functions, name = client("lambda"), outputs["AuditHoldersFunctionName"]
    settings = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    edges = Edges(client("dynamodb"), SystemClock(), SystemIds(), JitteredPause(), Stderr())
    env = Environment(settings)
    return audit_holders(audit_of(env, edges, providers_of(env, edges)))


def describe(report: Mapping[str, Any]) -> str:
    """Format a report, as plain values, as text."""
    read = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in report["read"].items())
    lines = [f"{read} read"]
    for finding in report["findings"]:
        lines.append(f"{finding['id']} {finding['kind']} ({finding['result']}): {finding['subject']}")
        done = finding["result"] in _DONE
        advice = "" if done else finding.get("why") or finding["advice"]
        lines.append(f"    {finding['message']}" + (f"; {advice}" if advice else ""))
    lines += [f"note: {finding['subject']}: {finding['message']}" for finding in report["notices"]]
    lines += [
        f"not judged, run again: {finding['kind']}: {finding['subject']}" for finding in report["unjudged"]
    ]
    if left_out := report.get("leftOutCount"):
        lines.append(f"{left_out} more: the log of the stack has all findings")
    found = report.get("findingCount", len(report["findings"]))
    lines.append("nothing disagrees" if not found else f"{found} found, {_outcome(report)}")
    return "\n".join(lines)


def _outcome(report: Mapping[str, Any]) -> str:
    return "all repaired" if report["clean"] else "docs/audit.md says what to do"


def tables_of(outputs: Mapping[str, str]) -> Tables:
    """Return the tables that the outputs of a stack name."""
    return Tables(outputs["InventoryTableName"], outputs["HoldersTableName"])


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
