"""The composition root: builds each collaborator when it is first used, once per execution environment.

Importing a handler reads no environment variable and opens no client; the first invocation does.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from gpu_capacity.adapters.background import BackgroundThread
from gpu_capacity.adapters.lambda_events import LambdaAudits, LambdaEvents
from gpu_capacity.adapters.retrying_client import CONNECT_SECONDS, READ_SECONDS, RetryingClient
from gpu_capacity.adapters.step_functions import StepFunctionsWorkflows
from gpu_capacity.adapters.system import JitteredPause, SystemClock, SystemIds
from gpu_capacity.deadline import Deadline
from gpu_capacity.runtime.lazy import lazy
from gpu_capacity.runtime.observability import Observability
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import (
    Edges,
    Outside,
    audit_of,
    audit_runs_of,
    fleet_store_of,
    fleet_sync_of,
    providers_of,
    publisher_of,
    services_of,
)

if TYPE_CHECKING:
    from gpu_capacity.accounts.api.credentials import CredentialVerifier
    from gpu_capacity.history.publish import Needs as Publishing
    from gpu_capacity.http.tokens import TokenVerifier
    from gpu_capacity.inventory.fleet.sync import SyncReport
    from gpu_capacity.ports import CapacityEvents, KeptLetters
    from gpu_capacity.runtime.services import Services

# One attempt: ``RetryingClient`` decides about the next one, because it knows how much time is left.
_CLIENT_CONFIG = {
    "retries": {"mode": "standard", "total_max_attempts": 1},
    "connect_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
}


@cache
def environment() -> Environment:
    """The process's environment."""
    return Environment(os.environ)


@cache
def observability() -> Observability:
    """Logger, metrics and tracer."""
    return Observability()


@cache
def deadline() -> Deadline:
    """The deadline of the current invocation; ``runtime/functions.py`` arms it."""
    return Deadline(time.monotonic)


@cache
def edges() -> Edges:
    """The collaborators that every function needs, see ``wiring.Edges``."""
    return Edges(
        dynamodb=client("dynamodb"),
        clock=SystemClock(),
        ids=SystemIds(),
        pause=JitteredPause(deadline()),
        telemetry=observability(),
        deadline=deadline(),
        background=BackgroundThread(),
    )


@cache
def services() -> Services:
    """The collaborators of the use cases, see ``wiring.services_of``."""
    env = environment()
    provider, vm_provider = providers_of(env, edges())
    workflows = StepFunctionsWorkflows(
        cast("Any", client("stepfunctions")),
        {
            "provision": env.text("PROVISION_STATE_MACHINE_ARN"),
            "deprovision": env.text("DEPROVISION_STATE_MACHINE_ARN"),
            "settle_claim": env.text("SETTLE_CLAIM_STATE_MACHINE_ARN"),
            "settle_placement": env.text("SETTLE_PLACEMENT_STATE_MACHINE_ARN"),
            "start_vm": env.text("START_VM_STATE_MACHINE_ARN"),
            "stop_vm": env.text("STOP_VM_STATE_MACHINE_ARN"),
        },
    )
    audits = lazy(
        lambda: LambdaAudits(client("lambda"), env.text("AUDIT_FUNCTION"), env.text("REPAIR_FUNCTION"))
    )
    return services_of(
        env, edges(), Outside(workflows, capacity_events(), audits, lazy(_letters), provider, vm_provider)
    )


def _letters() -> KeptLetters:
    """What failed for good. Imported lazily: only operators look at it."""
    from gpu_capacity.adapters.event_bus import KeptInQueue  # noqa: PLC0415 - see above

    return KeptInQueue(client("sqs"), environment().text("LETTERS_QUEUE_URL"))


@cache
def capacity_events() -> CapacityEvents:
    """Sends the filler an event when capacity becomes free."""
    return LambdaEvents(client("lambda"), environment().text("FILL_FUNCTION"), observability())


@cache
def verifier() -> TokenVerifier:
    """The token verifier. Imported lazily: workflow tasks verify no tokens and need no cryptography."""
    from gpu_capacity.http import tokens  # noqa: PLC0415 - see above
    from gpu_capacity.runtime.token_settings import key_source, token_rules  # noqa: PLC0415 - see above

    return tokens.TokenVerifier(token_rules(environment()), key_source(environment()))


@cache
def credentials() -> CredentialVerifier:
    """The verifier of the VM API, for access tokens and API keys. Imported lazily, as ``verifier`` is."""
    from gpu_capacity.accounts.api.credentials import CredentialVerifier  # noqa: PLC0415 - see above

    return CredentialVerifier(verifier(), services().accounts)


@cache
def publisher() -> Publishing:
    """The collaborators of the function that reads the stream. Imported lazily: nothing else tells events."""
    from gpu_capacity.adapters.event_bus import EventBridge, LetterQueue  # noqa: PLC0415 - see above
    from gpu_capacity.history.event import SOURCE  # noqa: PLC0415 - see above

    env = environment()
    bus = EventBridge(client("events"), env.text("EVENT_BUS"), SOURCE)
    letters = LetterQueue(client("sqs"), env.text("LETTERS_QUEUE_URL"))
    return publisher_of(env, edges(), bus, letters)


def synchronize() -> SyncReport:
    """Run the inventory sync once. Imported lazily: nothing else reads fleet documents."""
    from gpu_capacity.inventory.fleet.sync import sync_inventory  # noqa: PLC0415 - see above
    from gpu_capacity.runtime.feeds import Means, feed_of  # noqa: PLC0415 - see above

    env, outside = environment(), edges()
    means = Means(
        s3=lambda: client("s3"),
        accepted=fleet_store_of(env, outside).feed,
        clock=outside.clock,
        telemetry=outside.telemetry,
        deadline=outside.deadline,
    )
    return sync_inventory(fleet_sync_of(env, outside, feed_of(env, means), capacity_events()))


def audit(event: dict[str, Any]) -> dict[str, Any]:
    """Run the consistency check that an event asks for. Imported lazily: nothing else reads whole tables."""
    from gpu_capacity.upkeep.audit.recorded import Recorder, run_recorded  # noqa: PLC0415 - see above

    env, outside = environment(), edges()
    recorder = Recorder(audit_runs_of(env, outside), outside.clock, outside.ids)
    return run_recorded(recorder, audit_of(env, outside, providers_of(env, outside)), event.get("auditId"))


@cache
def client(service: str) -> Any:
    """A low-level client of an AWS service.

    An empty endpoint counts as none, because the template always declares the variable.
    """
    return RetryingClient(
        boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=environment().optional("AWS_ENDPOINT_URL"),
            config=Config(**_CLIENT_CONFIG),  # type: ignore[arg-type]
        ),
        deadline(),
        JitteredPause(deadline()),
    )
