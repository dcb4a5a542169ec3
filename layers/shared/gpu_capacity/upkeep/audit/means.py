"""The collaborators of a consistency check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.ports import Clock, Pause, Telemetry
    from gpu_capacity.upkeep.audit.providers import Providers
    from gpu_capacity.upkeep.audit.store import AuditStore


@dataclass(frozen=True, slots=True)
class Audit:
    """The collaborators of a consistency check.

    ``actor`` and ``reason`` go into the audit line of each repair. ``taken_away`` has names of owners and VMs
    without any record: an operator has confirmed that what they have at a provider may be deleted.
    """

    store: AuditStore
    providers: Providers
    telemetry: Telemetry
    clock: Clock
    pause: Pause
    actor: str = "schedule:audit"
    taken_away: frozenset[str] = frozenset()
    reason: str = ""
