"""Take hardware out of sale: `make cordon [REGION=…] [POD=…] [DOMAIN=…] [HOST=…] [REASON=…|LIFT=1]`.

With REASON the target takes no new holder: the whole region, a pod, a domain (with its pod), or a host, by
the ids of the fleet document. Its holders keep it. LIFT=1 takes the cordon back, and a host out of
quarantine; cordons of the fleet document stay. Without either the command lists what operators have cordoned,
and what is in quarantine. STACK names a deployed stack, in the account and region of the usual AWS settings;
without it the command works on the running local stack.
"""

import argparse
import getpass
import sys
from collections.abc import Iterable

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.fleet.store import FleetStore
from gpu_capacity.operations.cordon import Cordoner
from gpu_capacity.operations.cordoning import CordonChange
from gpu_capacity.operations.quarantine import Quarantines
from gpu_capacity.times import rfc3339
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, stack_of


def main() -> int:
    """Print the cordons, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make cordon", description=__doc__)
    parser.add_argument("--region", default="", help="region id (REGION=)")
    parser.add_argument("--pod", default="", help="pod id (POD=)")
    parser.add_argument("--domain", default="", help="id of a domain of the pod (DOMAIN=)")
    parser.add_argument("--host", default="", help="host id (HOST=)")
    parser.add_argument("--reason", default="", help="why it is cordoned (REASON=)")
    parser.add_argument("--lift", default="", help="take the cordon or quarantine back (LIFT=1)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args()
    try:
        print(_run(options))
    except (LaunchError, CapacityError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> str:
    target = _target(options)
    if options.reason and options.lift:
        raise LaunchError("REASON cordons and LIFT=1 takes back: give one of them")
    if target != Target() and not (options.reason or options.lift):
        raise LaunchError("to do what? REASON='…' cordons it, LIFT=1 takes the cordon back")
    if (options.reason or options.lift) and not options.region:
        raise LaunchError("REGION is missing: the id of a region")
    client, outputs = stack_of(options.stack, options.state)
    store = FleetStore(Database(client, JitteredPause()), outputs["InventoryTableName"])
    if not (options.reason or options.lift):
        found = [store.cordons(options.region)] if options.region else store.every_cordon()
        return _describe(found)
    actor = f"operator:{getpass.getuser()}"
    cordoner = Cordoner(store, Stderr(), JitteredPause(), SystemClock(), actor)
    if options.reason:
        change = cordoner.cordon(options.region, target, options.reason)
    else:
        change = _lift(store, cordoner, options.region, target)
    return f"{_describe([change.cordons])}\npods written: {change.pods_written}"


def _lift(store: FleetStore, cordoner: Cordoner, region_id: str, target: Target) -> CordonChange:
    """Lift the cordon of a target and, of a host, the quarantine: whatever there is.

    Raises:
        NotFound: there is neither.
    """
    known, written = store.cordons(region_id), 0
    if target.host_id is not None and target.host_id in known.quarantines:
        quarantines = Quarantines(store, Stderr(), JitteredPause(), SystemClock())
        change = quarantines.lift(region_id, target.host_id, by=cordoner.actor)
        if known.of(target) is None:
            return change
        written = change.pods_written
    change = cordoner.uncordon(region_id, target)
    return CordonChange(change.cordons, written + change.pods_written)


def _target(options: argparse.Namespace) -> Target:
    """What the options name.

    Raises:
        LaunchError: they do not name one thing.
    """
    if options.host and (options.pod or options.domain):
        raise LaunchError("HOST is enough: its id is unique")
    if options.domain and not options.pod:
        raise LaunchError("POD is missing: a domain is named with its pod")
    return Target(options.pod or None, options.domain or None, options.host or None)


def _describe(regions: Iterable[Cordons]) -> str:
    lines = [f"{cordons.region_id}: {_described(c)}" for cordons in regions for c in cordons.entries]
    return "\n".join(lines) or "nothing is cordoned beside the fleet document"


def _described(cordon: Cordon) -> str:
    cause = {
        Cause.CORDON: "",
        Cause.QUARANTINE: " in quarantine",
        Cause.MAINTENANCE: f" in maintenance {cordon.maintenance_id}",
    }[cordon.cause]
    evidence = f" ({cordon.evidence})" if cordon.evidence else ""
    return f"{cordon.target}{cause}, since {rfc3339(cordon.since)}, by {cordon.by}: {cordon.reason}{evidence}"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
