"""Show or set an organization's quota: `make quota ORG=… SUBJECT=… [LIMIT=…] [STACK=…]`.

SUBJECT is what the quota counts: an accelerator (its units), `instances` (of capacity claims),
`placement_servers` (the servers of placements), `vms` or `vm_gpus` (the GPUs of VMs). Without LIMIT the
command shows the quota; LIMIT=none removes it, so that the default applies, if there is one. STACK names a
deployed stack, in the account and region of the usual AWS settings; without it the command works on the
running local stack.
"""

import argparse
import getpass
import sys

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.capacity_claims.store import ClaimStore
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError
from gpu_capacity.holders.quota import Quota
from gpu_capacity.holders.quota_store import QuotaStore
from gpu_capacity.inventory.store import InventoryStore
from gpu_capacity.operations.set_quota import QuotaSetter, check_subject
from gpu_capacity.placements.store import PlacementStore
from gpu_capacity.reservations.store import ReservationStore
from gpu_capacity.vms.store import VmStore
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, stack_of
from tools.whole_numbers import whole

_NONE = "none"
_USAGE = (
    "usage: make quota ORG=<organization id> "
    "SUBJECT=<accelerator|instances|placement_servers|vms|vm_gpus> [LIMIT=]"
)

LIMIT_MAX = 10**9
"""More than any fleet has: the same as no limit."""


def main() -> int:
    """Print the quota, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make quota", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--subject", default="", help="an accelerator, or instances (SUBJECT=)")
    parser.add_argument("--limit", default="", help="how many it may own in all, or none (LIMIT=)")
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
    if not options.org or not options.subject:
        raise LaunchError(_USAGE)
    limit = None
    if options.limit not in ("", _NONE):
        limit = whole("LIMIT", options.limit, 0, LIMIT_MAX)
    client, outputs = stack_of(options.stack, options.state)
    database = Database(client, JitteredPause())
    inventory, holders = outputs["InventoryTableName"], outputs["HoldersTableName"]
    book = QuotaSetter(
        quotas=QuotaStore(database, holders),
        reservations=ReservationStore(database, holders),
        claims=ClaimStore(database, holders),
        placements=PlacementStore(database, holders),
        vms=VmStore(database, holders),
        telemetry=Stderr(),
        actor=f"operator:{getpass.getuser()}",
    )
    known = book.quotas.read(options.org, options.subject)
    if known is None:
        # An existing quota may be of an accelerator that has since left the catalogue.
        check_subject(InventoryStore(database, inventory, SystemClock()).regions(), options.subject)
    if not options.limit:
        return _describe(known)
    change = book.set(options.org, options.subject, limit)
    return f"{_describe(change.quota)}; earlier ones counted in: {change.counted_in}"


def _describe(quota: Quota | None) -> str:
    if quota is None:
        return "no quota of its own"
    if quota.limit is None:
        return f"{quota.subject}: {quota.used} in use, no quota of its own"
    return f"{quota.subject}: {quota.used} of {quota.limit} in use"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
