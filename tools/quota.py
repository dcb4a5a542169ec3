"""Show or set an organization's quota: `make quota ORG=… SUBJECT=… [LIMIT=…] [STACK=…]`.

SUBJECT is an accelerator (its units are counted) or `instances` (those of capacity claims are). Without
LIMIT the quota is shown. With STACK the deployed stack of that name is meant, in the account and region of
the usual AWS settings; without it the running local stack.
"""

import argparse
import getpass
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause, SystemClock
from gpu_capacity.dynamodb.claim_store import ClaimStore
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.inventory_store import InventoryStore
from gpu_capacity.dynamodb.quotas import QUOTA_ABSENCE_SECONDS_MAX, QuotaStore
from gpu_capacity.dynamodb.reservation_store import ReservationStore
from gpu_capacity.errors import CapacityError
from gpu_capacity.holders.quota import Quota
from gpu_capacity.services.quotas import QuotaBook, check_subject
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, stack_of
from tools.whole_numbers import whole

_SETTLED_SECONDS = QUOTA_ABSENCE_SECONDS_MAX + 5
"""When no environment believes any more that there is no limit, and what it sent has arrived."""

LIMIT_MAX = 10**9
"""More than any fleet has: as good as none."""


def main() -> int:
    """Print the quota, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make quota", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--subject", default="", help="an accelerator, or instances (SUBJECT=)")
    parser.add_argument("--limit", default="", help="how many the organization may own in all (LIMIT=)")
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
        raise LaunchError(
            "usage: make quota ORG=<organization id> SUBJECT=<accelerator|instances> [LIMIT= STACK= STATE=]"
        )
    limit = whole("LIMIT", options.limit, 0, LIMIT_MAX) if options.limit else None
    client, outputs = stack_of(options.stack, options.state)
    database, pause = Database(client), JitteredPause()
    inventory, holders = outputs["InventoryTableName"], outputs["HoldersTableName"]
    book = QuotaBook(
        quotas=QuotaStore(database, holders),
        reservations=ReservationStore(database, inventory, holders, pause),
        claims=ClaimStore(database, holders, pause),
        telemetry=Stderr(),
        actor=f"operator:{getpass.getuser()}",
    )
    known = book.quotas.read(options.org, options.subject)
    if known is None:
        # One that is there may be of an accelerator that has left the catalogue since.
        check_subject(InventoryStore(database, inventory, SystemClock()).regions(), options.subject)
    if limit is None:
        return _describe(known)
    change = book.set(options.org, options.subject, limit)
    counted_in = change.counted_in
    if known is None:
        # Some environments may still believe that there is none: what they accept is counted in afterwards.
        print(f"the first limit: counting once more in {_SETTLED_SECONDS} s", file=sys.stderr)
        time.sleep(_SETTLED_SECONDS)
        change = book.set(options.org, options.subject, limit)
        counted_in += change.counted_in
    return f"{_describe(change.quota)}; earlier ones counted in: {counted_in}"


def _describe(quota: Quota | None) -> str:
    if quota is None:
        return "no quota: the organization may own any number"
    return f"{quota.subject}: {quota.used} of {quota.limit} in use"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
