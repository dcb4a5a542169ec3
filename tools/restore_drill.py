"""Rehearse a restore: `make restore-drill [SECOND=…] [KEEP=1] [STACK=…] [STATE=…]`.

Restores the inventory and the holders table to the same second, into tables beside them, runs the audit over
what was restored, and reports what a restore would leave wrong: what holders should have and their providers
do not list (`missing`), and what providers have and nobody owns any more. Deletes the restored tables again,
unless KEEP=1. Nothing in the stack's own tables or at a provider is changed. SECOND is a time such as
2026-11-30T09:30:00Z, by default now or, of a deployed stack, six minutes ago: recovery is some minutes
behind. Exit code: 0 if the drill was made, whatever it found, 2 if not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from gpu_capacity.adapters.system import JitteredPause, SystemClock, SystemIds
from gpu_capacity.errors import CapacityError
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import Edges, audit_of, providers_of
from gpu_capacity.times import rfc3339
from gpu_capacity.upkeep.audit.ownership import claims_of
from gpu_capacity.upkeep.audit.run import audit_holders
from gpu_capacity.upkeep.audit.store import Tables
from gpu_capacity.vms.record import Vm, VmStatus
from tools.audit import describe
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gpu_capacity.upkeep.audit.facts import Facts
    from gpu_capacity.upkeep.audit.run import AuditReport

DONE, FAILED = 0, 2
BEHIND_SECONDS: Final = 360
"""The latest second to which DynamoDB restores is about five minutes ago."""
_POLL: Final = {"Delay": 20, "MaxAttempts": 360}
"""A table of some gigabytes takes tens of minutes."""
_POLL_LOCAL: Final = {"Delay": 1, "MaxAttempts": 60}


@dataclass(frozen=True)
class Drill:
    """Restores tables beside those of a stack, and judges them.

    Attributes:
        client: a client of an AWS service, by its name.
        outputs: those of the stack.
        local: whether the stack is on the emulator, which restores at once and always to now.
    """

    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    local: bool

    def restore(self, second: int) -> Tables:
        """Restore both tables to a second, since the epoch; returns their new names when they can be read."""
        names = Tables(
            *(
                f"{self.outputs[output]}-drill-{second}"
                for output in ("InventoryTableName", "HoldersTableName")
            )
        )
        sources = (self.outputs["InventoryTableName"], self.outputs["HoldersTableName"])
        dynamodb = self.client("dynamodb")
        for source, target in zip(sources, (names.inventory, names.holders), strict=True):
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=source,
                TargetTableName=target,
                RestoreDateTime=datetime.fromtimestamp(second, tz=UTC),
            )
        for target in (names.inventory, names.holders):
            dynamodb.get_waiter("table_exists").wait(
                TableName=target, WaiterConfig=_POLL_LOCAL if self.local else _POLL
            )
        return names

    def examine(self, tables: Tables) -> tuple[AuditReport, list[str]]:
        """What the audit finds in restored tables, and what should be at providers and is not listed."""
        name = self.outputs["AuditHoldersFunctionName"]
        found = self.client("lambda").get_function_configuration(FunctionName=name)
        restored = {"INVENTORY_TABLE": tables.inventory, "HOLDERS_TABLE": tables.holders}
        env = Environment({**found["Environment"]["Variables"], **restored})
        edges = Edges(self.client("dynamodb"), SystemClock(), SystemIds(), JitteredPause(), Stderr())
        audit = audit_of(env, edges, providers_of(env, edges))
        listed, _ = audit.providers.everything()
        facts = replace(
            audit.store.read_all(), holds=listed.holds, servers=listed.servers, vm_servers=listed.vm_servers
        )
        return audit_holders(audit), sorted(missing(facts))

    def remove(self, tables: Tables) -> None:
        """Delete restored tables."""
        for name in (tables.inventory, tables.holders):
            self.client("dynamodb").delete_table(TableName=name)


def missing(facts: Facts) -> Iterator[str]:
    """What settled holders should have at their providers, and these do not list."""
    holds = {(hold.holder_id, hold.host_id) for hold in facts.holds}
    servers = {(server.owner, server.ordinal) for server in facts.servers}
    running = {server.owner for server in facts.vm_servers}
    for record, holder in sorted(facts.holders.items()):
        match holder:
            case Reservation(status=Status.PROVISIONED):
                absent = [
                    host for host in _hosts_of(facts, holder) if (holder.server_owner, host) not in holds
                ]
                if absent:
                    yield f"{record}: {len(absent)} hosts are not held: {', '.join(absent[:3])} …"
            case Placement(status=PlacementStatus.PROVISIONED):
                gone = [n for n in range(holder.count) if (holder.server_owner, n) not in servers]
                if gone:
                    yield f"{record}: {len(gone)} of {holder.count} servers do not exist"
            case Vm(status=VmStatus.RUNNING):
                if holder.server_owner not in running:
                    yield f"{record}: its server does not exist"
            case _:
                pass


def _hosts_of(facts: Facts, reservation: Reservation) -> list[str]:
    """The hosts of a reservation's units."""
    pod = facts.pods.get(claims_of(reservation.region_id, reservation.flavor_id, reservation.pod_id or ""))
    wanted = {*reservation.positions}
    domains = pod.domains if pod else ()
    return [host.id for domain in domains if domain.position in wanted for host in domain.hosts]


def shown(second: int, report: AuditReport, absent: list[str]) -> str:
    """The report of a drill as text."""
    lines = [f"restored to {rfc3339(second)}", describe(report.as_json())]
    lines += [f"missing: {what}" for what in absent] or ["providers have everything that holders should have"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Make a drill, print its report and return the exit code."""
    parser = argparse.ArgumentParser(prog="make restore-drill", description=__doc__)
    parser.add_argument("--second", default="", help="to which second, in RFC 3339 (SECOND=)")
    parser.add_argument("--keep", default="", help="keep the restored tables (KEEP=1)")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args(arguments)
    try:
        second = _second(options.second, behind=BEHIND_SECONDS if options.stack else 0)
        drill = Drill(*connect(options.stack, options.state), local=not options.stack)
        tables = drill.restore(second)
        try:
            report, absent = drill.examine(tables)
        finally:
            if options.keep:
                print(f"kept: {tables.inventory}, {tables.holders}", file=sys.stderr)
            else:
                drill.remove(tables)
    except (LaunchError, CapacityError, ClientError, BotoCoreError, WaiterError) as error:
        print(f"the drill could not be made: {error}", file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps(report.as_json() | {"restoredTo": rfc3339(second), "missing": absent}, indent=2))
    else:
        print(shown(second, report, absent))
    return DONE


def _second(text: str, *, behind: int) -> int:
    """The second that an option names, by default ``behind`` seconds ago.

    Raises:
        LaunchError: it is no time with a zone, or in the future.
    """
    now = int(time.time())
    if not text:
        return now - behind
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        named = None
    if named is None or named.tzinfo is None or named.timestamp() > now:
        raise LaunchError("SECOND is a time in the past such as 2026-11-30T09:30:00Z")
    return int(named.timestamp())


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
