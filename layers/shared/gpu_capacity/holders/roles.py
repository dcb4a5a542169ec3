"""The collaborators of use cases: one protocol for each.

A use case declares the protocols that it needs, and its ``services`` argument is any object that has them.
The composition root builds an object with all collaborators. A test or a command may build one with a few.
"""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.holders.limits import Limits
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.repeat_store import RepeatStore
    from gpu_capacity.inventory.announcements import Announcements
    from gpu_capacity.inventory.audit_runs import AuditRunStore
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.inventory.maintenance_store import MaintenanceStore
    from gpu_capacity.inventory.store import InventoryStore
    from gpu_capacity.ports import Background, CapacityEvents, Clock, Ids, Pause, Telemetry, Workflows
    from gpu_capacity.providers.port import HostProvider, VmProvider


class HasInventory(Protocol):
    """The hardware, and who owns it."""

    @property
    def inventory(self) -> InventoryStore: ...


class HasFleet(Protocol):
    """The inventory as the fleet document and operators change it."""

    @property
    def fleet(self) -> FleetStore: ...


class HasQuotas(Protocol):
    """The quotas of organizations."""

    @property
    def quotas(self) -> QuotaStore: ...


class HasRepeats(Protocol):
    """The holders that recent requests without a key created."""

    @property
    def repeats(self) -> RepeatStore: ...


class HasProvider(Protocol):
    """The provider of servers on whole hosts."""

    @property
    def provider(self) -> HostProvider: ...


class HasVmProvider(Protocol):
    """The provider of servers for VMs."""

    @property
    def vm_provider(self) -> VmProvider: ...


class HasWorkflows(Protocol):
    """Workflow executions."""

    @property
    def workflows(self) -> Workflows: ...


class HasEvents(Protocol):
    """Announces free capacity."""

    @property
    def events(self) -> CapacityEvents: ...


class HasAnnouncements(Protocol):
    """The maintenances that holders have to read of."""

    @property
    def announcements(self) -> Announcements: ...


class HasMaintenances(Protocol):
    """Maintenances of hardware."""

    @property
    def maintenances(self) -> MaintenanceStore: ...


class HasAuditRuns(Protocol):
    """Runs of the consistency check."""

    @property
    def audit_runs(self) -> AuditRunStore: ...


class HasTelemetry(Protocol):
    """Logs, metrics and the audit log."""

    @property
    def telemetry(self) -> Telemetry: ...


class HasClock(Protocol):
    """The clock."""

    @property
    def clock(self) -> Clock: ...


class HasIds(Protocol):
    """The source of random bytes."""

    @property
    def ids(self) -> Ids: ...


class HasPause(Protocol):
    """Waits after a lost race."""

    @property
    def pause(self) -> Pause: ...


class HasBackground(Protocol):
    """Runs work while the caller goes on."""

    @property
    def background(self) -> Background: ...


class HasDeadline(Protocol):
    """The deadline of the invocation."""

    @property
    def deadline(self) -> Deadline: ...


class Quarantine(Protocol):
    """Sets hosts aside that failed."""

    def set(
        self,
        region_id: str,
        host_id: str,
        reason: str,
        evidence: str = "",
        *,
        by: str = "workflow",
        pod_id: str | None = None,
    ) -> bool:
        """Put a host into quarantine, and return whether it is there. Harmless when repeated or late.

        Args:
            region_id: of the host.
            host_id: of the host.
            reason: what its holder reads.
            evidence: what was seen of the failure, for operators.
            by: who found out.
            pod_id: where the host was last seen, which saves a search through the region.

        Raises:
            StorageUnavailable: the outcome is unknown; repeat it.
        """


class HasQuarantine(Protocol):
    """Sets hosts aside that failed."""

    @property
    def quarantine(self) -> Quarantine: ...


class HasLimits(Protocol):
    """Configured durations and rates."""

    @property
    def limits(self) -> Limits: ...
