"""Finds the stack that an operator's command works on, and prints its audit lines."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, NoRegionError

from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.state import DEFAULT_STATE, State

SYNC_SECONDS_MAX = 130
"""A little more than the sync's own timeout."""

_OUTPUTS: Final = {"InventoryTableName", "HoldersTableName", "ServersTableName", "SyncInventoryFunctionName"}
"""Outputs that the commands read."""


class Stderr:
    """Prints audit lines on stderr: stdout has the result only."""

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        """Do nothing: metrics of commands are not collected."""

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        """Print who did what to which resource."""
        print("audit:", actor, action, target, outcome, details, file=sys.stderr)

    def info(self, message: str, **details: object) -> None:
        """Print a line of information."""
        print(message, details, file=sys.stderr)

    def warning(self, message: str, **details: object) -> None:
        """Print a warning."""
        print(message, details, file=sys.stderr)


def stack_of(stack: str, state: str) -> tuple[Any, dict[str, str]]:
    """Return a DynamoDB client and the outputs of a deployed stack, or of the local one if `stack` is empty.

    Raises:
        LaunchError: no local stack is running on that state folder; no region or credentials are set; the
            deployed stack belongs to another service.
    """
    client, outputs = connect(stack, state)
    return client("dynamodb"), outputs


def connect(stack: str, state: str) -> tuple[Callable[[str], Any], dict[str, str]]:
    """Return a factory of clients, by service, and the outputs of the stack; see ``stack_of``."""
    return _deployed(stack) if stack else _local(state)


def _local(state: str) -> tuple[Callable[[str], Any], dict[str, str]]:
    running = State(Path(state or DEFAULT_STATE)).read_running()
    return clients(running["emulatorUrl"]), running["outputs"]


def _deployed(stack: str) -> tuple[Callable[[str], Any], dict[str, str]]:
    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except NoRegionError:
        raise LaunchError(
            "no AWS region is set: set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile that has a region"
        ) from None
    except NoCredentialsError:
        raise LaunchError(
            "no AWS credentials are found: log in, or choose a profile with AWS_PROFILE"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if missing := _OUTPUTS - outputs.keys():
        raise LaunchError(f"{stack} is not a stack of this service: it has no output {min(missing)}")
    # The sync may take longer than a client waits by default, and a silent retry would run it twice.
    patient = Config(read_timeout=SYNC_SECONDS_MAX, retries={"total_max_attempts": 1})
    return lambda service: boto3.client(service, config=patient if service == "lambda" else None), outputs
