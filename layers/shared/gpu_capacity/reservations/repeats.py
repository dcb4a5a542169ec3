"""Distinguishes a repeated request for a reservation from a new one: by key, or as a recent equal one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import Conflict, RaceLost
from gpu_capacity.holders.ids import holder_id, keyed_holder_id
from gpu_capacity.holders.repeats import EarlierTry, recent_request
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.reservations.observation import observe_all
from gpu_capacity.reservations.record import Reservation, Status

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import (
        HasAnnouncements,
        HasClock,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasRepeats,
        HasTelemetry,
        HasWorkflows,
    )
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.reservations.request import ReservationRequest
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(
        HasAnnouncements,
        HasClock,
        HasIds,
        HasInventory,
        HasLimits,
        HasPause,
        HasRepeats,
        HasReservations,
        HasTelemetry,
        HasWorkflows,
        Protocol,
    ):
        """What the functions of this module work with."""


LOOKS_MAX: Final = 4
"""Reads of a record that another try is claiming for, before the client gets a "try again"."""


def find_earlier_try(
    services: Needs, caller: Caller, request: ReservationRequest, key: str | None
) -> EarlierTry[Reservation]:
    """Find what earlier tries of a request have made.

    Raises:
        Conflict: another request used this key, or the reservation made under it was deleted.
        RaceLost: an earlier try is still in progress.
    """
    organization_id, fingerprint = request.organization_id, request.fingerprint()
    if key is not None:
        identity = keyed_holder_id(organization_id, caller.subject, key)
        found = services.reservations.find(organization_id, identity)
        return EarlierTry(identity, _settled(services, found, fingerprint), None)
    recent = recent_request(services, organization_id, caller.subject, "reservation", fingerprint)
    earlier = None
    if recent is not None and recent.holder is not None:
        found = services.reservations.present(organization_id, recent.holder)
        # A customer who asks again after a reservation failed or was deleted wants a new one.
        if found is not None and found.status not in (Status.ERROR, Status.DEPROVISIONING):
            with suppress(Conflict):
                settled = _settled(services, found, fingerprint)
                earlier = settled if isinstance(settled, Reservation) else None
    return EarlierTry(holder_id(services.ids.random_bytes()), earlier, recent)


def _settled(
    services: Needs, found: Reservation | Tombstone | None, fingerprint: str
) -> Reservation | Tombstone | None:
    """The result of an earlier try. Waits a moment for a try that is still in progress.

    Args:
        services: collaborators.
        found: what is under the id.
        fingerprint: of the request.

    Returns:
        The reservation; or what a new one may replace: a claiming record whose process has died, an
        unfinished tombstone, or None.

    Raises:
        Conflict: another request used this key, or the reservation made under it was deleted.
        RaceLost: the earlier try is still in progress.
    """
    for attempt in range(LOOKS_MAX):
        if found is None or (isinstance(found, Tombstone) and not found.finished):
            return found
        if found.fingerprint != fingerprint:
            raise Conflict("the idempotency key was used with another request")
        if isinstance(found, Tombstone):
            raise Conflict("the reservation made under this idempotency key was deleted")
        if found.is_shown or services.clock.now() > (found.claiming_until or 0):
            return found
        services.pause(attempt)
        found = services.reservations.find(found.organization_id, found.id)
    raise RaceLost("the same request is under way")


def made_meanwhile(services: Needs, found: Reservation | Tombstone, fingerprint: str) -> Observed:
    """The reservation that another try of the same request has made meanwhile.

    Raises:
        Conflict: another request used this key, or the reservation made under it was deleted.
        RaceLost: the other try is still in progress, or has died.
    """
    settled = _settled(services, found, fingerprint)
    if isinstance(settled, Reservation) and settled.is_shown:
        return answer_repeat(services, settled)
    raise RaceLost("the same request is under way")


def answer_repeat(services: Needs, found: Reservation, *, dry_run: bool = False) -> Observed:
    """The response to a repeated request: the reservation that the first one made."""
    if found.status is Status.PENDING and not dry_run:
        # The first request may have died before it started the workflow. If not, this changes nothing: an
        # execution of that name starts once.
        start_workflow(services, found)
    return observe_all(services, [found])[0]
