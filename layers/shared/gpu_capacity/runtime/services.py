"""The collaborators of all use cases, as the composition root builds them: see ``holders.roles``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.accounts.store import AccountStore
    from gpu_capacity.capacity_claims.store import ClaimStore
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.history.store import HistoryStore
    from gpu_capacity.holders.held import HeldIndex
    from gpu_capacity.holders.limits import Limits
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.repeat_store import RepeatStore
    from gpu_capacity.holders.roles import Quarantine
    from gpu_capacity.http.request_counts import RequestCounts
    from gpu_capacity.inventory.announcements import Announcements
    from gpu_capacity.inventory.audit_runs import AuditRunStore
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.maintenance_store import MaintenanceStore
    from gpu_capacity.inventory.store import InventoryStore
    from gpu_capacity.neighbours.port import Neighbours
    from gpu_capacity.placements.fault_reports import FaultReportStore
    from gpu_capacity.placements.store import PlacementStore
    from gpu_capacity.ports import (
        Audits,
        Background,
        CapacityEvents,
        Clock,
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
    from gpu_capacity.upkeep.watch.store import WatchStore
    from gpu_capacity.usage.store import UsageStore
    from gpu_capacity.vms.prices import PriceList
    from gpu_capacity.vms.store import VmStore
    from gpu_capacity.vms.templates import TemplateList


@dataclass(frozen=True, slots=True)
class Services:
    """All collaborators: one attribute for each role."""

    inventory: InventoryStore
    fleet: FleetStore
    announcements: Announcements
    maintenances: MaintenanceStore
    audit_runs: AuditRunStore
    runs: Runs
    reservations: ReservationStore
    placements: PlacementStore
    dependants: Dependants
    claims: ClaimStore
    vms: VmStore
    held: HeldIndex
    watch: WatchStore
    fault_reports: FaultReportStore
    history: HistoryStore
    usage: UsageStore
    quotas: QuotaStore
    repeats: RepeatStore
    accounts: AccountStore
    prices: PriceList
    templates: TemplateList
    provider: HostProvider
    vm_provider: VmProvider
    quarantine: Quarantine
    neighbours: Neighbours
    workflows: Workflows
    events: CapacityEvents
    audits: Audits
    letters: KeptLetters
    telemetry: Telemetry
    clock: Clock
    ids: Ids
    pause: Pause
    background: Background
    deadline: Deadline
    limits: Limits
    requests: RequestCounts
