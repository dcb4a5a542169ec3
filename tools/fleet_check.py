"""Check a source of the fleet before it is used: `make fleet-check FILE=…|SOURCE=… [STACK=…] [STATE=…]`.

FILE names a document; SOURCE is what `FleetSource` may be: s3://, https:// or ironic://. The last one is read
with the catalogue, the credentials and the NetBox of the stack; CATALOGUE (a file or an address) and NETBOX
(an address) name others.

Prints whether the document is valid and, compared with the deployed STACK or else the running local stack,
what a sync would change and which holders it would touch. Changes nothing. Without a stack it only validates
the document. Exit code: 0 if it would be applied, 1 if it would be refused, 2 if the check failed, 3 if parts
of it would be deferred or machines left out.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError, FeedRefused
from gpu_capacity.inventory.fleet.acceptance import DropLimits, check_acceptable
from gpu_capacity.inventory.fleet.feeds import feed_at
from gpu_capacity.inventory.fleet.live import LiveFeed
from gpu_capacity.inventory.fleet.model import FeedState, Fleet, PodKey
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.preview import Preview, preview
from gpu_capacity.inventory.fleet.store import FleetStore
from gpu_capacity.ports import FleetFeed
from gpu_capacity.runtime.feeds import Means, feed_of
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.upkeep.audit.ownership import listings
from gpu_capacity.upkeep.audit.store import AuditDatabase, AuditStore
from tools.audit import tables_of
from tools.interrupts import heed_interrupts
from tools.local_stack.emulator import client_environment
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, connect

APPLIED, REFUSED, UNKNOWN, DEFERRED = 0, 1, 2, 3


@dataclass(frozen=True)
class Target:
    """The stack that a source is compared with, or none.

    ``settings`` are those of its sync.
    """

    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    settings: Mapping[str, str]
    missing: str = ""
    """Why there is no stack."""

    def store(self) -> FleetStore:
        """Its inventory."""
        return FleetStore(
            Database(self.client("dynamodb"), JitteredPause()), self.outputs["InventoryTableName"]
        )

    def accepted(self) -> FeedState | None:
        """The document in use."""
        return None if self.missing else self.store().feed()


class _File:
    """A file as a feed."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def read(self) -> bytes:
        """The content; raises ``OSError``."""
        return self._path.read_bytes()


class _Quiet(Stderr):
    """Machines that are left out are printed with the rest."""

    def warning(self, message: str, **details: object) -> None:
        """Do nothing."""


def main(arguments: list[str] | None = None) -> int:
    """Print what a sync would do and return the exit code."""
    parser = argparse.ArgumentParser(prog="make fleet-check", description=__doc__)
    parser.add_argument("--file", default="", help="the document, plain or compressed with gzip (FILE=)")
    parser.add_argument("--source", default="", help="where to read the fleet from (SOURCE=)")
    parser.add_argument(
        "--catalogue", default="", help="with ironic://: a file, s3:// or https:// (CATALOGUE=)"
    )
    parser.add_argument("--netbox", default="", help="with ironic://: the address of a NetBox (NETBOX=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args(arguments)
    if bool(options.file) == bool(options.source):
        parser.error("FILE= names the document, or SOURCE= where to read the fleet from")
    try:
        return _check(_target(options.stack, options.state), options)
    except FeedRefused as refusal:
        print(f"refused, {refusal.code.value}: {refusal}")
        return REFUSED
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}", file=sys.stderr)
        return UNKNOWN
    except (LaunchError, CapacityError, ClientError, BotoCoreError) as error:
        print(f"the fleet could not be checked: {error}", file=sys.stderr)
        return UNKNOWN


def _target(stack: str, state: str) -> Target:
    """Find the stack; LaunchError if it was named and there is none."""
    try:
        client, outputs = connect(stack, state)
    except LaunchError as error:
        if stack:
            raise
        return Target(_own_client, {}, {}, str(error))
    name = outputs["SyncInventoryFunctionName"]
    found = client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    if not stack:
        # Secrets are read by a library that makes its own clients.
        os.environ.update(client_environment(found["AWS_ENDPOINT_URL"]))
    return Target(client, outputs, found)


def _own_client(service: str) -> Any:
    """Make a client with the usual AWS settings."""
    return boto3.client(service)  # type: ignore[call-overload]


def _check(target: Target, options: argparse.Namespace) -> int:
    feed: FleetFeed = _File(options.file)
    if options.source:
        feed = _source(target, options)
    fleet = parse(feed.read())
    print(describe_document(fleet))
    left_out = feed.left_out if isinstance(feed, LiveFeed) else {}
    for host_id, reason in sorted(left_out.items()):
        print(f"left out: {host_id}: {reason}")
    now = SystemClock().now()
    if target.missing:
        check_acceptable(None, fleet, now)
        print(f"only validated: {target.missing}", file=sys.stderr)
        return DEFERRED if left_out else APPLIED
    found = _against(target, fleet, now)
    return DEFERRED if left_out or found.deferred or found.waiting else APPLIED


def _source(target: Target, options: argparse.Namespace) -> FleetFeed:
    """Make the feed for a source."""
    settings = {**target.settings, "FLEET_SOURCE": options.source}
    catalogue: FleetFeed | None = None
    if options.catalogue:
        named = "://" in options.catalogue
        catalogue = (
            feed_at(options.catalogue, lambda: target.client("s3")) if named else _File(options.catalogue)
        )
    if options.netbox:
        settings["NETBOX_URL"] = options.netbox
    means = Means(
        s3=lambda: target.client("s3"),
        accepted=target.accepted,
        clock=SystemClock(),
        telemetry=_Quiet(),
        deadline=Deadline.none(),
        catalogue=catalogue,
    )
    return feed_of(Environment(settings), means)


def _against(target: Target, fleet: Fleet, now: int) -> Preview:
    """Print what would change, and which holders it would touch."""
    stored = target.store().read(fleet.regions)
    check_acceptable(stored.feed, fleet, now)
    found = preview(fleet, stored, limits_of(target.settings))
    holders = {}
    if found.touched:
        database = AuditDatabase(target.client("dynamodb"))
        holders = holders_by_place(AuditStore(database, tables_of(dict(target.outputs)), JitteredPause()))
    print("\n".join(describe(found, holders)))
    return found


def limits_of(settings: Mapping[str, str]) -> DropLimits:
    """Return how much a region may lose by these settings of a sync."""
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
