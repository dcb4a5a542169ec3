"""A quota: how much of one subject an organization may own, and how much it owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INSTANCES: Final = "instances"
VMS: Final = "vms"
VM_GPUS: Final = "vm_gpus"
PLACEMENT_SERVERS: Final = "placement_servers"
"""The subjects for capacity claims, VMs and placements. That for reservations is their accelerator."""

_NOUNS: Final = {
    INSTANCES: "instances",
    VMS: "VMs",
    VM_GPUS: "GPUs of VMs",
    PLACEMENT_SERVERS: "servers of placements",
}


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a subject an organization may own, and how much it owns.

    ``limit`` is ``None`` if holders are counted but not limited. ``is_default`` is true if the limit is the
    default for all organizations, false if it was set for this one.
    """

    organization_id: str
    subject: str
    limit: int | None
    used: int
    is_default: bool = False

    @property
    def room(self) -> int | None:
        """How many more are within the limit; ``None`` if there is none."""
        return None if self.limit is None else max(0, self.limit - self.used)

    def allows(self, count: int) -> bool:
        """Whether ``count`` more are within the limit."""
        return self.limit is None or self.used + count <= self.limit


def noun_of(subject: str) -> str:
    """The name of what a subject counts, for messages."""
    return _NOUNS.get(subject, f"{subject} units")
