"""Limits on what an organization may own: how many of a subject, and how many it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INSTANCES: Final = "instances"
"""The subject that capacity claims are counted under. Reservations are counted under their accelerator."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of a subject an organization may own, and how many it does."""

    organization_id: str
    subject: str
    limit: int
    used: int

    def allows(self, count: int) -> bool:
        """Whether so many more would stay within the limit."""
        return self.used + count <= self.limit
