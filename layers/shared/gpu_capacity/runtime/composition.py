"""The composition root: builds every collaborator, once per execution environment, when first needed.

Importing a handler reads no environment and opens no client; the first invocation does.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from gpu_capacity.adapters.lambda_events import LambdaEvents
from gpu_capacity.adapters.patient_client import CONNECT_SECONDS, READ_SECONDS, PatientClient
from gpu_capacity.adapters.step_functions import StepFunctionsWorkflows
from gpu_capacity.adapters.system import JitteredPause, SystemClock, SystemIds
from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.inventory_store import InventoryStore
from gpu_capacity.runtime.late import late
from gpu_capacity.runtime.observability import Observability
from gpu_capacity.runtime.settings import Environment, TableNames
from gpu_capacity.services.context import Limits, Services

if TYPE_CHECKING:
    from gpu_capacity.adapters.simulated_region import SimulatedBehaviour, SimulatedRegion
    from gpu_capacity.adapters.simulated_vms import SimulatedVms
    from gpu_capacity.dynamodb.account_store import AccountStore
    from gpu_capacity.dynamodb.claim_store import ClaimStore
    from gpu_capacity.dynamodb.reservation_store import ReservationStore
    from gpu_capacity.dynamodb.vm_store import VmStore
    from gpu_capacity.holders.prices import PriceList
    from gpu_capacity.http.api_keys import CredentialVerifier
    from gpu_capacity.http.tokens import TokenVerifier
    from gpu_capacity.ports import CapacityEvents
    from gpu_capacity.services.audit import AuditReport
    from gpu_capacity.services.sync_inventory import SyncReport

# One attempt: the next one is decided on by ``PatientClient``, which knows how much time is left.
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
    """When the current invocation has to be over; ``runtime/functions.py`` arms it."""
    return Deadline(time.monotonic)


@cache
def services() -> Services:
    """The collaborators of the use cases.

    Settings are read here, so a wrong one is told by the first request whatever that asks for; only the price
    list is read where it is used, by the VM API.
    """
    env = environment()
    tables = TableNames.read(env)
    clock, pause = SystemClock(), JitteredPause(deadline())
    database = Database(client("dynamodb"), pause)
    simulated = _simulated(env)
    return Services(
        inventory=InventoryStore(database, tables.inventory, clock),
        claims=late(lambda: _claim_store(database, tables, pause)),
        accounts=late(lambda: _account_store(database, tables)),
        prices=late(lambda: _price_list(env)),
        reservations=late(lambda: _reservation_store(database, tables, pause, clock)),
        vms=late(lambda: _vm_store(database, tables, pause)),
        provider=late(lambda: _simulated_region(database, tables, clock, pause, simulated)),
        vm_provider=late(lambda: _simulated_vms(database, tables, clock, pause, simulated)),
        workflows=StepFunctionsWorkflows(
            cast("Any", client("stepfunctions")),
            {
                "provision": env.text("PROVISION_STATE_MACHINE_ARN"),
                "deprovision": env.text("DEPROVISION_STATE_MACHINE_ARN"),
                "settle_claim": env.text("SETTLE_CLAIM_STATE_MACHINE_ARN"),
                "start_vm": env.text("START_VM_STATE_MACHINE_ARN"),
                "stop_vm": env.text("STOP_VM_STATE_MACHINE_ARN"),
            },
        ),
        events=capacity_events(),
        telemetry=observability(),
        clock=clock,
        ids=SystemIds(),
        pause=pause,
        limits=Limits(
            provisioning_seconds_max=env.whole("PROVISIONING_SECONDS_MAX", 1500, least=1),
            teardown_seconds_max=env.whole("TEARDOWN_SECONDS_MAX", 900, least=1),
            reconcile_grace_seconds=env.whole("RECONCILE_GRACE_SECONDS", 60, least=1),
            vm_notice_seconds=env.whole("VM_NOTICE_SECONDS", 120),
            vm_start_seconds_max=env.whole("VM_START_SECONDS_MAX", 900, least=1),
            vm_reads_per_minute=env.whole("VM_READS_PER_MINUTE", 120, least=1),
            vm_writes_per_minute=env.whole("VM_WRITES_PER_MINUTE", 30, least=1),
        ),
    )


@cache
def capacity_events() -> CapacityEvents:
    """How waiting claims learn that capacity appeared."""
    return LambdaEvents(client("lambda"), environment().text("FILL_FUNCTION"), observability())


@cache
def verifier() -> TokenVerifier:
    """The token verifier. Imported late: workflow tasks verify no tokens and need no cryptography."""
    from gpu_capacity.http import tokens  # noqa: PLC0415 - see above
    from gpu_capacity.runtime.token_settings import key_source, token_rules  # noqa: PLC0415 - see above

    return tokens.TokenVerifier(token_rules(environment()), key_source(environment()))


@cache
def credentials() -> CredentialVerifier:
    """The verifier of the VM API: access tokens and API keys. Imported late, as the tokens' is."""
    from gpu_capacity.http.api_keys import CredentialVerifier  # noqa: PLC0415 - see above

    return CredentialVerifier(verifier(), services().accounts)


def synchronize() -> SyncReport:
    """One run of the inventory sync. Imported late: nothing else validates fleet documents."""
    from gpu_capacity.dynamodb.fleet_store import FleetStore  # noqa: PLC0415 - see above
    from gpu_capacity.fleet.feeds import feed_at  # noqa: PLC0415 - see above
    from gpu_capacity.services.sync_inventory import (  # noqa: PLC0415 - see above
        FleetSync,
        SyncLimits,
        sync_inventory,
    )

    env, pause = environment(), JitteredPause(deadline())
    report = sync_inventory(
        FleetSync(
            feed=feed_at(env.text("FLEET_SOURCE"), lambda: client("s3")),
            store=FleetStore(Database(client("dynamodb"), pause), TableNames.read(env).inventory),
            telemetry=observability(),
            pause=pause,
            limits=SyncLimits(max_drop_share=env.share("FLEET_MAX_DROP_SHARE", 0.2)),
        )
    )
    for region in report.regions:
        if region.pods_changed:
            capacity_events().freed(region.region_id)
    return report


def audit() -> AuditReport:
    """One run of the audit, without repairs. Imported late: nothing else reads whole tables."""
    from gpu_capacity.dynamodb.audit_store import (  # noqa: PLC0415 - see above
        AuditDatabase,
        AuditStore,
        Tables,
    )
    from gpu_capacity.services.audit import Audit, audit_holders  # noqa: PLC0415 - see above

    names, pause = TableNames.read(environment()), JitteredPause(deadline())
    tables = Tables(names.inventory, names.holders, names.servers)
    store = AuditStore(AuditDatabase(client("dynamodb"), pause), tables, pause)
    return audit_holders(Audit(store, observability(), SystemClock(), pause))


@cache
def client(service: str) -> Any:
    """A low-level client. An empty endpoint counts as none: the template declares the variable always."""
    return PatientClient(
        boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=environment().optional("AWS_ENDPOINT_URL"),
            config=Config(**_CLIENT_CONFIG),  # type: ignore[arg-type]
        ),
        deadline(),
        JitteredPause(deadline()),
    )


# Imported late: a function imports the stores of the API it serves, and not those of the others.


def _reservation_store(
    database: Database, tables: TableNames, pause: JitteredPause, clock: SystemClock
) -> ReservationStore:
    from gpu_capacity.dynamodb.reservation_store import ReservationStore  # noqa: PLC0415 - see above

    return ReservationStore(database, tables.inventory, tables.holders, pause, clock)


def _claim_store(database: Database, tables: TableNames, pause: JitteredPause) -> ClaimStore:
    from gpu_capacity.dynamodb.claim_store import ClaimStore  # noqa: PLC0415 - see above

    return ClaimStore(database, tables.holders, pause)


def _vm_store(database: Database, tables: TableNames, pause: JitteredPause) -> VmStore:
    from gpu_capacity.dynamodb.vm_store import VmStore  # noqa: PLC0415 - see above

    return VmStore(database, tables.holders, pause)


def _account_store(database: Database, tables: TableNames) -> AccountStore:
    from gpu_capacity.dynamodb.account_store import AccountStore  # noqa: PLC0415 - see above

    return AccountStore(database, tables.holders)


def _price_list(env: Environment) -> PriceList:
    from gpu_capacity.runtime.price_settings import price_list  # noqa: PLC0415 - see above

    return price_list(env)


def _simulated_region(
    database: Database,
    tables: TableNames,
    clock: SystemClock,
    pause: JitteredPause,
    simulated: dict[str, Any],
) -> SimulatedRegion:
    from gpu_capacity.adapters.simulated_region import SimulatedRegion  # noqa: PLC0415 - see above

    return SimulatedRegion(database, tables.servers, clock, pause, _behaviour(simulated))


def _simulated_vms(
    database: Database,
    tables: TableNames,
    clock: SystemClock,
    pause: JitteredPause,
    simulated: dict[str, Any],
) -> SimulatedVms:
    from gpu_capacity.adapters.simulated_vms import SimulatedVms  # noqa: PLC0415 - see above

    return SimulatedVms(database, tables.servers, clock, pause, _behaviour(simulated))


def _behaviour(simulated: dict[str, Any]) -> SimulatedBehaviour:
    from gpu_capacity.adapters.simulated_region import SimulatedBehaviour  # noqa: PLC0415 - see above

    return SimulatedBehaviour(**simulated)


def _simulated(env: Environment) -> dict[str, Any]:
    """The settings of ``SimulatedBehaviour``."""
    return {
        "ready_seconds": env.whole("SIMULATED_READY_SECONDS", 2),
        "delete_seconds": env.whole("SIMULATED_DELETE_SECONDS", 1),
        "failure_share": env.share("SIMULATED_FAILURE_SHARE", 0.0),
        "stuck_share": env.share("SIMULATED_STUCK_SHARE", 0.0),
        "failing_hosts": frozenset(env.words("SIMULATED_FAILING_HOSTS")),
        "stuck_hosts": frozenset(env.words("SIMULATED_STUCK_HOSTS")),
    }
