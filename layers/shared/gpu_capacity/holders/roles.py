"""The collaborators of use cases, one role each.

A use case names those that it needs: its ``services`` are whatever has them. The composition root builds an
object that has all; a test, or a command, may build one that has a few.
"""

# ruff: noqa: D102 - each class has one property, and tells what it is

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.holders.limits import Limits
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.repeat_store import RepeatStore
    from gpu_capacity.inventory.store import InventoryStore
    from gpu_capacity.ports import Background, CapacityEvents, Clock, Ids, Pause, Telemetry, Workflows
    from gpu_capacity.providers.port import HostProvider, VmProvider


class HasInventory(Protocol):
    """What there is, and who owns it."""

    @property
    def inventory(self) -> InventoryStore: ...


class HasQuotas(Protocol):
    """Limits of organizations."""

    @property
    def quotas(self) -> QuotaStore: ...


class HasRepeats(Protocol):
    """What recent requests without a key have made."""

    @property
    def repeats(self) -> RepeatStore: ...


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


class HasBackground(Protocol):
    """Runs one call beside another."""

    @property
    def background(self) -> Background: ...


class HasDeadline(Protocol):
    """How long the invocation has."""

    @property
    def deadline(self) -> Deadline: ...


class HasLimits(Protocol):
    """Durations and rates."""

    @property
    def limits(self) -> Limits: ...
