"""Show or set an organization's quota: `make quota ORG=… ACCELERATOR=… [LIMIT=…] [STACK=…]`.

Without LIMIT the quota is shown. With STACK the deployed stack of that name is meant, in the account and
region of the usual AWS settings; without it the running local stack.
"""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.adapters.system import JitteredPause
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.reservation_store import ReservationStore
from gpu_capacity.holders.reservation import Quota
from gpu_capacity.runtime.observability import Observability
from gpu_capacity.services.quotas import set_quota
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.state import DEFAULT_STATE, State


def main() -> int:
    """Print the quota, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make quota", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--accelerator", default="", help="for example GB300 (ACCELERATOR=)")
    parser.add_argument("--limit", default="", help="units the organization may own in all (LIMIT=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args()
    try:
        print(_run(options))
    except (LaunchError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> str:
    if not options.org or not options.accelerator or (options.limit and not options.limit.isdecimal()):
        raise LaunchError(
            "usage: make quota ORG=<organization id> ACCELERATOR=<model> [LIMIT=<units>] [STACK=…]"
        )
    client, outputs = _deployed(options.stack) if options.stack else _local(options.state)
    store = ReservationStore(
        Database(client), outputs["InventoryTableName"], outputs["HoldersTableName"], JitteredPause()
    )
    if not options.limit:
        return _describe(store.quota(options.org, options.accelerator))
    actor = f"operator:{getpass.getuser()}"
    change = set_quota(store, Observability(), actor, options.org, options.accelerator, int(options.limit))
    return f"{_describe(change.quota)}; {change.counted_in} earlier reservations counted in"


def _describe(quota: Quota | None) -> str:
    if quota is None:
        return "no quota: the organization may own any number of units"
    return f"{quota.subject}: {quota.used} of {quota.limit} units in use"


def _local(state: str) -> tuple[Any, dict[str, str]]:
    running = State(Path(state or DEFAULT_STATE)).read_running()
    return clients(running["emulatorUrl"])("dynamodb"), running["outputs"]


def _deployed(stack: str) -> tuple[Any, dict[str, str]]:
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    return boto3.client("dynamodb"), outputs


if __name__ == "__main__":
    sys.exit(main())
