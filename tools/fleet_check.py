"""Check a fleet document before it is published: `make fleet-check FILE=… [STACK=…] [STATE=…]`.

Prints whether the document is valid and, compared with the deployed STACK or else the running local stack,
what a sync would change and which holders it would touch. Changes nothing. Without a stack it only validates
the document. Exit code: 0 if it would be applied, 1 if it would be refused, 2 if the check failed, 3 if parts
of it would be deferred.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError, FeedRefused
from gpu_capacity.inventory.fleet.acceptance import DropLimits, check_acceptable
from gpu_capacity.inventory.fleet.model import Fleet, PodKey
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.preview import Preview, preview
from gpu_capacity.inventory.fleet.store import FleetStore
from gpu_capacity.upkeep.audit.ownership import listings
from gpu_capacity.upkeep.audit.store import AuditDatabase, AuditStore
from tools.audit import tables_of
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import connect

APPLIED, REFUSED, UNKNOWN, DEFERRED = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Print what a sync would do and return the exit code."""
    parser = argparse.ArgumentParser(prog="make fleet-check", description=__doc__)
    parser.add_argument("--file", default="", help="the document, plain or compressed with gzip (FILE=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args(arguments)
    if not options.file:
        parser.error("FILE= names the document")
    now = SystemClock().now()
    try:
        fleet = parse(Path(options.file).read_bytes())
        print(describe_document(fleet))
        try:
            client, outputs = connect(options.stack, options.state)
        except LaunchError as error:
            if options.stack:
                print(error, file=sys.stderr)
                return UNKNOWN
            check_acceptable(None, fleet, now)
            print(f"only validated: {error}", file=sys.stderr)
            return APPLIED
        return _against(client, outputs, fleet, now)
    except FeedRefused as refusal:
        print(f"refused, {refusal.code.value}: {refusal}")
        return REFUSED
    except OSError as error:
        print(f"{options.file} cannot be read: {error.strerror}", file=sys.stderr)
        return UNKNOWN
    except (CapacityError, ClientError, BotoCoreError) as error:
        print(f"the document could not be checked: {error}", file=sys.stderr)
        return UNKNOWN


def _against(client: Any, outputs: dict[str, str], fleet: Fleet, now: int) -> int:
    database = client("dynamodb")
    store = FleetStore(Database(database, JitteredPause()), outputs["InventoryTableName"])
    stored = store.read(fleet.regions)
    check_acceptable(stored.feed, fleet, now)
    found = preview(fleet, stored, limits_of(client("lambda"), outputs["SyncInventoryFunctionName"]))
    holders = {}
    if found.touched:
        holders = holders_by_place(AuditStore(AuditDatabase(database), tables_of(outputs), JitteredPause()))
    print("\n".join(describe(found, holders)))
    return DEFERRED if found.deferred or found.waiting else APPLIED


def limits_of(functions: Any, name: str) -> DropLimits:
    """Return how much a region may lose in the stack's own sync."""
    settings = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    limits = DropLimits()
    return DropLimits(
        float(settings.get("FLEET_MAX_DROP_SHARE", limits.share)),
        int(settings.get("FLEET_MAX_DROP_HOSTS", limits.hosts)),
    )


def holders_by_place(store: AuditStore) -> dict[tuple[PodKey, int], list[str]]:
    """Return the records that list a position, by pod (region, pod) and position."""
    places: dict[tuple[PodKey, int], list[str]] = {}
    for listing in listings(store.read_all()):
        region_id, pod_id = listing.pod.pk.split("#")[1], listing.pod.sk.split("#", 1)[1]
        records = places.setdefault(((region_id, pod_id), listing.position), [])
        if (name := f"{listing.record.pk} {listing.record.sk}") not in records:
            records.append(name)
    return places


def describe_document(fleet: Fleet) -> str:
    """Describe a valid document in one line."""
    domains = [d for r in fleet.regions.values() for p in r.pods.values() for d in p.domains]
    sizes = (
        f"{len(fleet.regions)} regions, {len(domains)} domains, {sum(len(d.hosts) for d in domains)} hosts"
    )
    return f"valid: sequence {fleet.sequence}, {sizes}"


def describe(found: Preview, holders: dict[tuple[PodKey, int], list[str]]) -> list[str]:
    """Return one line for each change."""
    lines = []
    for (region_id, pod_id), deferral in sorted(found.deferred.items(), key=str):
        place = f"pod {region_id}/{pod_id}" if pod_id else f"region {region_id}"
        lines.append(f"deferred, {deferral.code.value}: {place}: {deferral.reason}")
    for region_id, hosts in found.lifted.items():
        lines += [f"lifted: quarantine of host {host_id} in region {region_id}" for host_id in hosts]
    for region_id, region in found.regions.items():
        what = "removed" if region is None else "withdrawn" if region.withdrawn else "changed"
        lines.append(f"{what}: region {region_id}")
    for (region_id, pod_id), counts in found.pods.items():
        shown = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in asdict(counts).items() if n)
        lines.append(f"changed: pod {region_id}/{pod_id}: {shown or 'its offering, no host'}")
        for position in found.touched.get((region_id, pod_id), ()):
            names = holders.get(((region_id, pod_id), position)) or ["a holder that came or went meanwhile"]
            lines += [f"    touches position {position} of {name}" for name in names]
    lines += [f"waits for a holder: pod {region_id}/{pod_id}" for region_id, pod_id in found.waiting]
    return lines or ["nothing would change"]


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
