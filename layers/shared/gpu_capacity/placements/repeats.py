"""Distinguishes a repeated request for a placement from a new one: by key, or as a recent equal one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import Conflict, KeyReused
from gpu_capacity.holders.ids import holder_id, keyed_holder_id
from gpu_capacity.holders.quotas import confirm
from gpu_capacity.holders.repeats import EarlierTry, recent_request
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.placements.record import PlacementStatus

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.repeat_store import RecentRequest
    from gpu_capacity.holders.roles import (
        HasClock,
        HasIds,
        HasLimits,
        HasQuotas,
        HasRepeats,
        HasTelemetry,
        HasWorkflows,
    )
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.roles import HasPlacements

    class Needs(
        HasClock,
        HasIds,
        HasLimits,
        HasPlacements,
        HasQuotas,
        HasRepeats,
        HasTelemetry,
        HasWorkflows,
        Protocol,
    ):
        """What the functions of this module work with."""


def find_earlier_try(
    services: Needs, organization_id: str, subject: str, fingerprint: str, key: str | None
) -> EarlierTry[Placement]:
    """Find what earlier tries of a request have made.

    Raises:
        Conflict: another request used this key, or the placement made under it was deleted.
    """
    if key is not None:
        identity = keyed_holder_id(organization_id, subject, key, "placement")
        found = services.placements.find(organization_id, identity)
        return EarlierTry(identity, made_before(found, fingerprint), None)
    identity = holder_id(services.ids.random_bytes())
    recent = recent_request(services, organization_id, subject, "placement", fingerprint)
    return EarlierTry(identity, still_there(services, recent), recent)


def made_before(found: Placement | Tombstone | None, fingerprint: str) -> Placement | Tombstone | None:
    """What is under the id that an idempotency key gives, if this request may go on with it.

    Raises:
        Conflict: another request used this key, or the placement made under it was deleted.
    """
    if found is None or (isinstance(found, Tombstone) and not found.finished):
        return found
    if isinstance(found, Tombstone):
        if found.fingerprint != fingerprint:
            raise Conflict("the idempotency key was used with another request")
        raise Conflict("the placement made under this idempotency key was deleted")
    if found.fingerprint != fingerprint:
        raise KeyReused("placement", found.id)
    return found


def still_there(services: Needs, recent: RecentRequest | None) -> Placement | None:
    """The placement that the recent request made; ``None`` if there is none, or if it failed or is going.

    A customer who asks again after a placement failed or was deleted wants a new one.
    """
    if recent is None or recent.holder is None:
        return None
    found = services.placements.present(recent.organization_id, recent.holder)
    ended = (PlacementStatus.ERROR, PlacementStatus.DEPROVISIONING)
    return None if found is None or found.status in ended else found


def resumed(services: Needs, found: Placement) -> Placement:
    """An existing placement, after the steps that its first request may have missed: quota and workflow."""
    confirm(services.quotas, services.placements, found)
    if found.status is PlacementStatus.PENDING:
        # If the first request did start it, this changes nothing: an execution of that name starts once.
        start_workflow(services, found)
    return found
