"""The collaborators of all use cases, as the composition root builds them: see ``services.parts``."""

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
    from gpu_capacity.services.limits import Limits
    from gpu_capacity.services.request_counts import RequestCounts


@dataclass(frozen=True, slots=True)
class Services:
    """Every role, filled."""

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
