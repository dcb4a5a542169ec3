"""What a request for a reservation asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.holders.project_scoped import Tag


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What a request asks for, in valid form."""

    organization_id: str
    project_id: str
    region_id: str
    accelerator: str
    unit: str
    count: int
    name: str
    description: str | None = None
    tags: tuple[Tag, ...] = ()
    spare_hosts_per_unit: int = 0

    def fingerprint(self) -> str:
        """A digest that is equal for equal requests."""
        parts = [
            self.organization_id,
            self.project_id,
            self.region_id,
            self.accelerator,
            self.unit,
            self.count,
            self.name,
            # An earlier version did not distinguish None from "", and had "" for None. Retries of its
            # requests must still match.
            {None: "", "": None}.get(self.description, self.description),
            [[tag.name, tag.value] for tag in self.tags],
        ]
        if self.spare_hosts_per_unit:
            # Without any, the digest is that of versions that knew none: retries must still match.
            parts.append(self.spare_hosts_per_unit)
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]
