"""Builds the service from its settings and from what is outside of it.

Production, the proof and the tests all build the service here, so that they check what is deployed. They
differ only in ``Edges`` and ``Outside``. Opens no client and reads no environment variable of the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from gpu_capacity.adapters.background import run_now
from gpu_capacity.deadline import Deadline
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.holders.limits import Limits
from gpu_capacity.holders.records import report_unreadable
from gpu_capacity.http.request_counts import RequestCounts
from gpu_capacity.inventory.store import InventoryStore
from gpu_capacity.neighbours import registry as neighbours
from gpu_capacity.providers import registry
from gpu_capacity.providers.registry import Site
from gpu_capacity.runtime.lazy import lazy
from gpu_capacity.runtime.services import Services
from gpu_capacity.runtime.settings import TableNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.accounts.store import AccountStore
    from gpu_capacity.capacity_claims.store import ClaimStore
    from gpu_capacity.dynamodb.client import DynamoDBClient
    from gpu_capacity.history.publish import Needs as Publishing
    from gpu_capacity.history.store import HistoryStore
    from gpu_capacity.holders.held import HeldIndex
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.repeat_store import RepeatStore
    from gpu_capacity.holders.roles import Quarantine
    from gpu_capacity.inventory.announcements import Announcements
    from gpu_capacity.inventory.audit_runs import AuditRunStore
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.fleet.sync import FleetSync
    from gpu_capacity.inventory.maintenance_store import MaintenanceStore
    from gpu_capacity.placements.fault_reports import FaultReportStore
    from gpu_capacity.placements.store import PlacementStore
    from gpu_capacity.ports import (
        Audits,
        Background,
        CapacityEvents,
        Clock,
        DeadLetters,
        EventBus,
        FleetFeed,
        Ids,
        KeptLetters,
        Pause,
        Telemetry,
        Workflows,
    )
    from gpu_capacity.providers.port import HostProvider, VmProvider
    from gpu_capacity.reservations.roles import Dependants
    from gpu_capacity.reservations.runs import Runs
    from gpu_capacity.reservations.store import ReservationStore
    from gpu_capacity.runtime.settings import Environment
    from gpu_capacity.upkeep.audit.means import Audit
    from gpu_capacity.upkeep.watch.store import WatchStore
    from gpu_capacity.usage.store import UsageStore
    from gpu_capacity.vms.prices import PriceList
    from gpu_capacity.vms.store import VmStore
    from gpu_capacity.vms.templates import TemplateList


SECONDS_A_DAY: Final = 86_400
HISTORY_DAYS: Final = 90
USAGE_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Publisher:
    """What turns the stream of the holders table into events works with: see ``history.publish``."""

    history: HistoryStore
    usage: UsageStore
    inventory: InventoryStore
    bus: EventBus
    letters: DeadLetters
    telemetry: Telemetry
    pause: Pause


@dataclass(frozen=True, slots=True)
class Edges:
    """What every function needs from outside: the database, time, random bytes, and logs and metrics."""

    dynamodb: DynamoDBClient
    clock: Clock
    ids: Ids
    pause: Pause
    telemetry: Telemetry
    deadline: Deadline = field(default_factory=Deadline.none)
    background: Background = run_now


@dataclass(frozen=True, slots=True)
class Outside:
    """What use cases call outside of this service: workflows, other functions, and host providers."""

    workflows: Workflows
    events: CapacityEvents
    audits: Audits
    letters: KeptLetters
    provider: HostProvider
    vm_provider: VmProvider


def services_of(env: Environment, edges: Edges, outside: Outside) -> Services:
    """The collaborators of the use cases.

    Reads all settings but the price list and the templates, which the VM API reads on first use. So a wrong
    setting shows at the first request, whatever it asks for.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    tables, database = TableNames.read(env), _database(edges)
    defaults = env.amounts("DEFAULT_QUOTAS")
    return Services(
        inventory=InventoryStore(database, tables.inventory, edges.clock),
        fleet=lazy(lambda: _fleet_store(database, tables)),
        announcements=lazy(lambda: _announcements(database, tables, edges)),
        maintenances=lazy(lambda: _maintenance_store(database, tables)),
        audit_runs=lazy(lambda: _audit_run_store(database, tables)),
        claims=lazy(lambda: _claim_store(database, tables)),
        accounts=lazy(lambda: _account_store(database, tables)),
        prices=lazy(lambda: _price_list(env)),
        templates=lazy(lambda: _template_list(env)),
        reservations=lazy(lambda: _reservation_store(database, tables)),
        placements=lazy(lambda: _placement_store(database, tables)),
        dependants=lazy(lambda: _dependants(database, tables, edges, outside)),
        runs=lazy(lambda: _runs(database, tables)),
        vms=lazy(lambda: _vm_store(database, tables)),
        held=lazy(lambda: _held_index(database, tables)),
        fault_reports=lazy(lambda: _fault_report_store(database, tables)),
        watch=lazy(lambda: _watch_store(database, tables)),
        history=lazy(lambda: _history_store(env, database, tables)),
        usage=lazy(lambda: _usage_store(env, database, tables)),
        quotas=lazy(lambda: _quota_store(database, tables, defaults)),
        repeats=lazy(lambda: _repeat_store(database, tables)),
        quarantine=lazy(lambda: _quarantine(database, tables, edges)),
        provider=outside.provider,
        vm_provider=outside.vm_provider,
        neighbours=neighbours.neighbours_named(env.text("NEIGHBOURS", neighbours.DEFAULT)),
        workflows=outside.workflows,
        events=outside.events,
        audits=outside.audits,
        letters=outside.letters,
        telemetry=edges.telemetry,
        clock=edges.clock,
        ids=edges.ids,
        pause=edges.pause,
        background=edges.background,
        deadline=edges.deadline,
        limits=Limits(
            provisioning_seconds_max=env.whole("PROVISIONING_SECONDS_MAX", 1500, least=1),
            teardown_seconds_max=env.whole("TEARDOWN_SECONDS_MAX", 900, least=1),
            reconcile_grace_seconds=env.whole("RECONCILE_GRACE_SECONDS", 60, least=1),
            maintenance_notice_seconds=env.whole("MAINTENANCE_NOTICE_SECONDS", 86_400),
            vm_notice_seconds=env.whole("VM_NOTICE_SECONDS", 120),
            vm_start_seconds_max=env.whole("VM_START_SECONDS_MAX", 900, least=1),
            destroyed_vm_seconds=env.whole("DESTROYED_VM_DAYS", 30, least=1) * SECONDS_A_DAY,
            vm_reads_per_minute=env.whole("VM_READS_PER_MINUTE", 120, least=1),
            vm_writes_per_minute=env.whole("VM_WRITES_PER_MINUTE", 30, least=1),
            reads_per_minute=env.whole("READS_PER_MINUTE", 0),
            writes_per_minute=env.whole("WRITES_PER_MINUTE", 0),
            repeat_seconds=env.whole("REPEAT_SECONDS", 0),
        ),
        requests=RequestCounts(),
    )


def fleet_store_of(env: Environment, edges: Edges) -> FleetStore:
    """The sync's reads and writes of the inventory. Imported lazily, as the sync is."""
    from gpu_capacity.inventory.fleet.store import FleetStore  # noqa: PLC0415 - see above

    return FleetStore(_database(edges), TableNames.read(env).inventory)


def fleet_sync_of(env: Environment, edges: Edges, feed: FleetFeed, events: CapacityEvents) -> FleetSync:
    """The collaborators of the inventory sync. Imported lazily: nothing else validates fleet documents.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    from gpu_capacity.inventory.fleet.acceptance import DropLimits  # noqa: PLC0415 - see above
    from gpu_capacity.inventory.fleet.sync import FleetSync, SyncLimits  # noqa: PLC0415 - see above

    return FleetSync(
        feed=feed,
        store=fleet_store_of(env, edges),
        events=events,
        telemetry=edges.telemetry,
        pause=edges.pause,
        clock=edges.clock,
        limits=SyncLimits(
            DropLimits(
                share=env.share("FLEET_MAX_DROP_SHARE", 0.2), hosts=env.whole("FLEET_MAX_DROP_HOSTS", 2)
            )
        ),
    )


def audit_of(env: Environment, edges: Edges, providers: tuple[HostProvider, VmProvider]) -> Audit:
    """The collaborators of the consistency check. Imported lazily: nothing else reads whole tables.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    from gpu_capacity.upkeep.audit.means import Audit  # noqa: PLC0415 - see above
    from gpu_capacity.upkeep.audit.providers import Providers  # noqa: PLC0415 - see above
    from gpu_capacity.upkeep.audit.store import (  # noqa: PLC0415 - see above
        AuditDatabase,
        AuditStore,
        Tables,
    )

    names = TableNames.read(env)
    tables = Tables(names.inventory, names.holders)
    store = AuditStore(AuditDatabase(edges.dynamodb, edges.pause, edges.clock), tables, edges.pause)
    asked = Providers(*providers, edges.pause)
    return Audit(store, asked, edges.telemetry, edges.clock, edges.pause)


def audit_runs_of(env: Environment, edges: Edges) -> AuditRunStore:
    """Where the function of the audit records its runs.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    return _audit_run_store(_database(edges), TableNames.read(env))


def publisher_of(env: Environment, edges: Edges, bus: EventBus, letters: DeadLetters) -> Publishing:
    """The collaborators of the function that reads the stream of the holders table.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    tables, database = TableNames.read(env), _database(edges)
    return Publisher(
        history=_history_store(env, database, tables),
        usage=_usage_store(env, database, tables),
        inventory=InventoryStore(database, tables.inventory, edges.clock),
        bus=bus,
        letters=letters,
        telemetry=edges.telemetry,
        pause=edges.pause,
    )


def providers_of(env: Environment, edges: Edges) -> tuple[HostProvider, VmProvider]:
    """The providers that the settings choose, built on first use.

    Raises:
        Misconfigured: there is no provider of that name, or a setting of it is malformed.
    """
    site = Site(env, edges.dynamodb, edges.clock, edges.pause, edges.telemetry, edges.deadline)
    return lazy(registry.host_provider(site)), lazy(registry.vm_provider(site))


def _database(edges: Edges) -> Database:
    unreadable = partial(report_unreadable, edges.telemetry)
    return Database(edges.dynamodb, edges.pause, edges.clock, unreadable)


# Imported lazily: a function imports the stores of the API that it serves, and not those of the others.


def _fleet_store(database: Database, tables: TableNames) -> FleetStore:
    from gpu_capacity.inventory.fleet.store import FleetStore  # noqa: PLC0415 - see above

    return FleetStore(database, tables.inventory)


def _runs(database: Database, tables: TableNames) -> Runs:
    from gpu_capacity.reservations.runs import Runs  # noqa: PLC0415 - see above

    return Runs(database, tables.inventory)


def _announcements(database: Database, tables: TableNames, edges: Edges) -> Announcements:
    from gpu_capacity.inventory.announcements import Announcements  # noqa: PLC0415 - see above

    return Announcements(database, tables.inventory, edges.clock)


def _maintenance_store(database: Database, tables: TableNames) -> MaintenanceStore:
    from gpu_capacity.inventory.maintenance_store import MaintenanceStore  # noqa: PLC0415 - see above

    return MaintenanceStore(database, tables.inventory)


def _audit_run_store(database: Database, tables: TableNames) -> AuditRunStore:
    from gpu_capacity.inventory.audit_runs import AuditRunStore  # noqa: PLC0415 - see above

    return AuditRunStore(database, tables.inventory)


def _reservation_store(database: Database, tables: TableNames) -> ReservationStore:
    from gpu_capacity.reservations.store import ReservationStore  # noqa: PLC0415 - see above

    return ReservationStore(database, tables.holders)


def _placement_store(database: Database, tables: TableNames) -> PlacementStore:
    from gpu_capacity.placements.store import PlacementStore  # noqa: PLC0415 - see above

    return PlacementStore(database, tables.holders)


def _dependants(database: Database, tables: TableNames, edges: Edges, outside: Outside) -> Dependants:
    from gpu_capacity.placements.delete import PlacementsOfReservations  # noqa: PLC0415 - see above

    return PlacementsOfReservations(
        _placement_store(database, tables),
        outside.workflows,
        edges.telemetry,
        edges.clock,
        edges.pause,
        edges.deadline,
    )


def _quarantine(database: Database, tables: TableNames, edges: Edges) -> Quarantine:
    from gpu_capacity.operations.quarantine import Quarantines  # noqa: PLC0415 - see above

    return Quarantines(_fleet_store(database, tables), edges.telemetry, edges.pause, edges.clock)


def _claim_store(database: Database, tables: TableNames) -> ClaimStore:
    from gpu_capacity.capacity_claims.store import ClaimStore  # noqa: PLC0415 - see above

    return ClaimStore(database, tables.holders)


def _vm_store(database: Database, tables: TableNames) -> VmStore:
    from gpu_capacity.vms.store import VmStore  # noqa: PLC0415 - see above

    return VmStore(database, tables.holders)


def _fault_report_store(database: Database, tables: TableNames) -> FaultReportStore:
    from gpu_capacity.placements.fault_reports import FaultReportStore  # noqa: PLC0415 - see above

    return FaultReportStore(database, tables.holders)


def _watch_store(database: Database, tables: TableNames) -> WatchStore:
    from gpu_capacity.upkeep.watch.store import WatchStore  # noqa: PLC0415 - see above

    return WatchStore(database, tables.inventory)


def _held_index(database: Database, tables: TableNames) -> HeldIndex:
    from gpu_capacity.holders.held import HeldIndex  # noqa: PLC0415 - see above

    return HeldIndex(database, tables.holders)


def _history_store(env: Environment, database: Database, tables: TableNames) -> HistoryStore:
    from gpu_capacity.history.store import HistoryStore  # noqa: PLC0415 - see above

    days = env.whole("HISTORY_DAYS", HISTORY_DAYS, least=1)
    return HistoryStore(database, tables.history, days * SECONDS_A_DAY)


def _usage_store(env: Environment, database: Database, tables: TableNames) -> UsageStore:
    from gpu_capacity.usage.store import UsageStore  # noqa: PLC0415 - see above

    days = env.whole("USAGE_DAYS", USAGE_DAYS, least=1)
    return UsageStore(database, tables.history, days * SECONDS_A_DAY)


def _quota_store(database: Database, tables: TableNames, defaults: Mapping[str, int]) -> QuotaStore:
    from gpu_capacity.holders.quota_store import QuotaStore  # noqa: PLC0415 - see above

    return QuotaStore(database, tables.holders, defaults)


def _repeat_store(database: Database, tables: TableNames) -> RepeatStore:
    from gpu_capacity.holders.repeat_store import RepeatStore  # noqa: PLC0415 - see above

    return RepeatStore(database, tables.holders)


def _account_store(database: Database, tables: TableNames) -> AccountStore:
    from gpu_capacity.accounts.store import AccountStore  # noqa: PLC0415 - see above

    return AccountStore(database, tables.holders)


def _price_list(env: Environment) -> PriceList:
    from gpu_capacity.runtime.vm_settings import price_list  # noqa: PLC0415 - see above

    return price_list(env)


def _template_list(env: Environment) -> TemplateList:
    from gpu_capacity.runtime.vm_settings import template_list  # noqa: PLC0415 - see above

    return template_list(env)
