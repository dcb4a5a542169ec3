"""Writes of a placement's record by its workflow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.database import Refused

if TYPE_CHECKING:
    from typing import Any, Protocol

    from gpu_capacity.holders.roles import HasTelemetry
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(HasPlacements, HasTelemetry, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "workflow:settle_placement"


def written(services: Needs, placement: Placement, action: str, **changes: Any) -> Placement | None:
    """The record with these changes as written; None if somebody else changed it first."""
    after = services.placements.change(placement, replace(placement, **changes))
    if isinstance(after, Refused):
        return None
    audit(services, after, action, after.status.value)
    return after


def audit(services: HasTelemetry, placement: Placement, action: str, outcome: str, **details: object) -> None:
    """An audit line about a placement."""
    services.telemetry.audit(
        ACTOR, action, placement.id, outcome, organization=placement.organization_id, **details
    )
