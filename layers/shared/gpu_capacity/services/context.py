"""What the use cases work with, built once per execution environment by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.dynamodb.account_store import AccountStore
    from gpu_capacity.dynamodb.claim_store import ClaimStore
    from gpu_capacity.dynamodb.inventory_store import InventoryStore
    from gpu_capacity.dynamodb.quotas import QuotaStore
    from gpu_capacity.dynamodb.repeats import RepeatStore
    from gpu_capacity.dynamodb.reservation_store import ReservationStore
    from gpu_capacity.dynamodb.runs import Runs
    from gpu_capacity.dynamodb.vm_store import VmStore
    from gpu_capacity.holders.prices import PriceList
    from gpu_capacity.holders.templates import TemplateList
    from gpu_capacity.ports import (
        Beside,
        CapacityEvents,
        Clock,
        HostProvider,
        Ids,
        Pause,
        Telemetry,
        VmProvider,
        Workflows,
    )
    from gpu_capacity.services.request_counts import RequestCounts


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations in seconds and rates, from the settings. Of what is 0 there is no limit."""

    provisioning_seconds_max: int = 1500
    teardown_seconds_max: int = 900
    reconcile_grace_seconds: int = 60
    vm_notice_seconds: int = 120
    vm_start_seconds_max: int = 900
    destroyed_vm_seconds: int = 30 * 86_400
    vm_reads_per_minute: int = 120
    vm_writes_per_minute: int = 30
    reads_per_minute: int = 0
    writes_per_minute: int = 0
    repeat_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of every use case."""

    inventory: InventoryStore
    runs: Runs
    reservations: ReservationStore
    claims: ClaimStore
    vms: VmStore
    quotas: QuotaStore
    repeats: RepeatStore
    accounts: AccountStore
    prices: PriceList
    templates: TemplateList
    provider: HostProvider
    vm_provider: VmProvider
    workflows: Workflows
    events: CapacityEvents
    telemetry: Telemetry
    clock: Clock
    ids: Ids
    pause: Pause
    beside: Beside
    deadline: Deadline
    limits: Limits
    requests: RequestCounts
