"""Run the inventory sync now, or set the accepted sequence: `make sync [STACK=…] [SEQUENCE=…] [STATE=…]`.

STACK names a deployed stack, in the account and region of the usual AWS settings; without it the command
works on the running local stack. With SEQUENCE it runs no sync, but sets the sequence of the accepted
document, so that documents from it on are accepted again. Exit code: 0 if the document was applied, 1 if it
was refused or the sync failed, 3 if it was applied except for deferred parts.
"""

import argparse
import getpass
import json
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.fleet.document import SEQUENCE_MAX
from gpu_capacity.inventory.fleet.store import FleetStore
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.local_stack.sample_data import sync
from tools.operator_stack import Stderr, connect
from tools.whole_numbers import whole

APPLIED, FAILED, DEFERRED = 0, 1, 3


def main(arguments: list[str] | None = None) -> int:
    """Print the report, or one line on stderr, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make sync", description=__doc__)
    parser.add_argument("--sequence", default="", help="the sequence to go on from (SEQUENCE=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args(arguments)
    try:
        # A larger one than documents may have would shut out all of them.
        sequence = whole("SEQUENCE", options.sequence, 1, SEQUENCE_MAX) if options.sequence else None
        client, outputs = connect(options.stack, options.state)
        if sequence is not None:
            store = FleetStore(Database(client("dynamodb"), JitteredPause()), outputs["InventoryTableName"])
            print(set_sequence(store, sequence))
            return APPLIED
        answer = sync(client("lambda"), outputs["SyncInventoryFunctionName"])
    except (LaunchError, CapacityError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return FAILED
    print(answer)
    return exit_code(json.loads(answer))


def exit_code(report: dict[str, Any]) -> int:
    """Return the exit code for a report."""
    if report["refused"] is not None:
        return FAILED
    waiting = any(region["deferred"] for region in report["regions"])
    return DEFERRED if waiting or report["parts_deferred"] else APPLIED


def set_sequence(store: FleetStore, sequence: int) -> str:
    """Set the sequence that the next document has to follow; return one line that says so.

    Raises:
        LaunchError: no document was accepted yet, or another one was accepted at the same time.
    """
    feed = store.feed()
    if feed is None:
        raise LaunchError("no fleet document was accepted yet: there is no sequence to set")
    outcome = store.reset_sequence(feed, sequence)
    if not isinstance(outcome, Committed):
        raise LaunchError("another fleet document was accepted at the same time: look again")
    actor = f"operator:{getpass.getuser()}"
    Stderr().audit(actor, "set_sequence", "feed", "applied", before=feed.sequence, after=sequence)
    return f"the accepted sequence is {sequence}, it was {feed.sequence}"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
