"""What a request for a placement asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.holders.project_scoped import Tag
    from gpu_capacity.placement.servers import Readiness
    from gpu_capacity.placements.record import Constraints, Networking, UpdateStrategy


@dataclass(frozen=True, slots=True)
class PlacementSpec:
    """The part of a placement that the API shows as ``spec``: ``None`` for what was not sent."""

    count: int
    constraints: Constraints
    readiness: Readiness | None
    image_id: str
    networking: Networking | None
    ssh_certificate_authority_id: str | None
    user_data: bytes | None
    strategy: UpdateStrategy | None


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """What a request asks for, in valid form."""

    reservation_id: str
    network_id: str
    name: str
    description: str | None
    tags: tuple[Tag, ...]
    spec: PlacementSpec

    def fingerprint(self) -> str:
        """A digest that is equal for equal requests."""
        spec, wanted = self.spec, self.spec.constraints
        net, strategy = spec.networking, spec.strategy
        parts = [
            self.reservation_id,
            self.network_id,
            self.name,
            self.description,
            [[tag.name, tag.value] for tag in self.tags],
            spec.count,
            [wanted.policy, wanted.max_skew, wanted.min_domains, wanted.when_unsatisfiable],
            spec.readiness,
            spec.image_id,
            net and [net.allowed_source_addresses, net.public_ip, net.security_groups],
            spec.ssh_certificate_authority_id,
            None if spec.user_data is None else spec.user_data.hex(),
            strategy and [strategy.type, strategy.rolling_update, strategy.max_unavailable],
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]
