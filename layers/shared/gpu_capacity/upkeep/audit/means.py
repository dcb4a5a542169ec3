"""What an audit reads, asks, and repairs with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.ports import Clock, Pause, Telemetry
    from gpu_capacity.upkeep.audit.providers import Providers
    from gpu_capacity.upkeep.audit.store import AuditStore


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit works with.

    ``actor`` goes into the audit line of each repair. ``taken_away`` are names of owners and VMs of which no
    record is left: an operator's word that what they have at a provider is nobody's.
    """

    store: AuditStore
    providers: Providers
    telemetry: Telemetry
    clock: Clock
    pause: Pause
    actor: str = "schedule:audit"
    taken_away: frozenset[str] = frozenset()
