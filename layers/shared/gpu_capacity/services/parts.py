"""The collaborators of use cases, one role each.

A use case names those that it needs: its ``services`` are whatever has them. The composition root builds an
object that has all; a test, or a command, may build one that has a few.
"""

# ruff: noqa: D102 - each class has one property, and tells what it is

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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


class HasInventory(Protocol):
    """What there is, and who owns it."""

    @property
    def inventory(self) -> InventoryStore: ...


class HasRuns(Protocol):
    """Runs of whole domains, owned and given back."""

    @property
    def runs(self) -> Runs: ...


class HasReservations(Protocol):
    """Records of reservations."""

    @property
    def reservations(self) -> ReservationStore: ...


class HasClaims(Protocol):
    """Records of capacity claims, and their queues."""

    @property
    def claims(self) -> ClaimStore: ...


class HasVms(Protocol):
    """Records of VMs, and the roster."""

    @property
    def vms(self) -> VmStore: ...


class HasQuotas(Protocol):
    """Limits of organizations."""

    @property
    def quotas(self) -> QuotaStore: ...


class HasRepeats(Protocol):
    """What recent requests without a key have made."""

    @property
    def repeats(self) -> RepeatStore: ...


class HasAccounts(Protocol):
    """SSH keys and API keys."""

    @property
    def accounts(self) -> AccountStore: ...


class HasPrices(Protocol):
    """What is charged."""

    @property
    def prices(self) -> PriceList: ...


class HasTemplates(Protocol):
    """Images of VMs."""

    @property
    def templates(self) -> TemplateList: ...


class HasProvider(Protocol):
    """Servers on whole hosts."""

    @property
    def provider(self) -> HostProvider: ...


class HasVmProvider(Protocol):
    """Servers of VMs."""

    @property
    def vm_provider(self) -> VmProvider: ...


class HasWorkflows(Protocol):
    """Executions of workflows."""

    @property
    def workflows(self) -> Workflows: ...


class HasEvents(Protocol):
    """Who is told that capacity is free."""

    @property
    def events(self) -> CapacityEvents: ...


class HasTelemetry(Protocol):
    """Log, audit lines and metrics."""

    @property
    def telemetry(self) -> Telemetry: ...


class HasClock(Protocol):
    """The time."""

    @property
    def clock(self) -> Clock: ...


class HasIds(Protocol):
    """Random bytes."""

    @property
    def ids(self) -> Ids: ...


class HasPause(Protocol):
    """Waits after a lost race."""

    @property
    def pause(self) -> Pause: ...


class HasBeside(Protocol):
    """Runs one call beside another."""

    @property
    def beside(self) -> Beside: ...


class HasDeadline(Protocol):
    """How long the invocation has."""

    @property
    def deadline(self) -> Deadline: ...


class HasLimits(Protocol):
    """Durations and rates."""

    @property
    def limits(self) -> Limits: ...


class HasRequests(Protocol):
    """Requests of the minute."""

    @property
    def requests(self) -> RequestCounts: ...


class Parts(
    HasInventory,
    HasRuns,
    HasReservations,
    HasClaims,
    HasVms,
    HasQuotas,
    HasRepeats,
    HasAccounts,
    HasPrices,
    HasTemplates,
    HasProvider,
    HasVmProvider,
    HasWorkflows,
    HasEvents,
    HasTelemetry,
    HasClock,
    HasIds,
    HasPause,
    HasBeside,
    HasDeadline,
    HasLimits,
    HasRequests,
    Protocol,
):
    """All of them: what a handler has, whatever its use case needs."""
