"""What a customer asks for who wants a reservation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Tag


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What the customer asks for, validated in form."""

    organization_id: str
    project_id: str
    region_id: str
    accelerator: str
    unit: str
    count: int
    name: str
    description: str | None = None
    tags: tuple[Tag, ...] = ()

    def fingerprint(self) -> str:
        """Equal for equal requests: tells a retry from another request under the same idempotency key."""
        parts = [
            self.organization_id,
            self.project_id,
            self.region_id,
            self.accelerator,
            self.unit,
            self.count,
            self.name,
            # None was written as the empty text before the two were told apart: retries must still match.
            {None: "", "": None}.get(self.description, self.description),
            [[tag.name, tag.value] for tag in self.tags],
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]
