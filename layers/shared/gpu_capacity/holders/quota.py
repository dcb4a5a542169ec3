"""Limits on what an organization may own: how many of a subject, and how many it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INSTANCES: Final = "instances"
VMS: Final = "vms"
VM_GPUS: Final = "vm_gpus"
"""The subjects of capacity claims and of VMs. Reservations are counted under their accelerator."""

_NOUNS: Final = {INSTANCES: "instances", VMS: "VMs", VM_GPUS: "GPUs of VMs"}


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of a subject an organization may own, and how many it does.

    ``limit`` is ``None`` where holders are counted and not limited. ``is_default`` tells that the limit is
    everybody's, and not one that was set for this organization.
    """

    organization_id: str
    subject: str
    limit: int | None
    used: int
    is_default: bool = False

    def allows(self, count: int) -> bool:
        """Whether so many more would stay within the limit."""
        return self.limit is None or self.used + count <= self.limit


def noun_of(subject: str) -> str:
    """What a subject counts, for messages."""
    return _NOUNS.get(subject, f"{subject} units")
