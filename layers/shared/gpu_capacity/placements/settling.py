"""Has the workflow of a settled placement look at its servers again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.holders.advance import advance
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.placements.record import PlacementStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasPause, HasTelemetry, HasWorkflows
    from gpu_capacity.placements.moves import Condemned
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(HasClock, HasPause, HasPlacements, HasTelemetry, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def settle_again(
    services: Needs, placement: Placement, *, afresh: bool = False, condemned: Sequence[Condemned] = ()
) -> Placement | None:
    """Make a settled placement ``provisioning``, and start its workflow.

    Args:
        services: collaborators.
        placement: which one; the record is read again.
        afresh: servers that have moved too often may move again.
        condemned: servers that have to leave their hosts although they run.

    Returns:
        The record as written; None if it is gone or going, or if its workflow has work to do already and
        nothing is condemned.
    """

    def begun(present: Placement) -> Placement | None:
        if present.status is PlacementStatus.DEPROVISIONING:
            return None
        if present.is_unsettled:
            # Its workflow comes to them in one of the next rounds.
            return present.with_condemned(condemned) if condemned else None
        return replace(
            (present.moving_afresh() if afresh else present).with_condemned(condemned),
            status=PlacementStatus.PROVISIONING,
            failure=None,
            unsettled_since=services.clock.now(),
            attempt=present.attempt + 1,
        )

    key = (placement.organization_id, placement.id)
    settling = advance(services.placements, key, begun, services.pause)
    if settling is not None:
        start_workflow(services, settling)
    return settling
