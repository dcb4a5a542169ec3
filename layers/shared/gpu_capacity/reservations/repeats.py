"""Tells a repeated request for a reservation from a new one: by its key, or as equal to one just before."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import Conflict, RaceLost
from gpu_capacity.holders.ids import holder_id, keyed_holder_id
from gpu_capacity.holders.repeats import recent_request
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.reservations.observation import observe_all
from gpu_capacity.reservations.record import Reservation, Status

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.repeat_store import RecentRequest
    from gpu_capacity.holders.roles import (
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
"""Looks at a record that another try of the request is claiming for, before the client has to wait."""


@dataclass(frozen=True, slots=True)
class EarlierTry:
    """What an earlier try of a request has come to.

    ``earlier`` is the reservation; or what may be replaced or gone on in: see ``claim_run``. ``identity`` is
    the id of a new one. ``recent`` is what to remember a request by that came without a key.
    """

    identity: str
    earlier: Reservation | Tombstone | None
    recent: RecentRequest | None


def find_earlier_try(
    services: Needs, caller: Caller, request: ReservationRequest, key: str | None
) -> EarlierTry:
    """What stands of an earlier try.

    Raises:
        Conflict: the key stands for another request, or for a reservation that is gone.
        RaceLost: the earlier try is still under way.
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
        # One that has failed, is going or is gone answers no repeat: it is asked for anew.
        if found is not None and found.status not in (Status.ERROR, Status.DEPROVISIONING):
            with suppress(Conflict):
                settled = _settled(services, found, fingerprint)
                earlier = settled if isinstance(settled, Reservation) else None
    return EarlierTry(holder_id(services.ids.random_bytes()), earlier, recent)


def _settled(
    services: Needs, found: Reservation | Tombstone | None, fingerprint: str
) -> Reservation | Tombstone | None:
    """What an earlier try of the request has come to.

    Returns:
        The reservation; or what may be replaced: a record whose claimant has died, a tombstone of one that
        never came to be, or nothing.

    Raises:
        Conflict: the key stands for another request, or for a reservation that is gone.
        RaceLost: the earlier try is still under way.
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
    """The answer where another try of the same request was faster."""
    settled = _settled(services, found, fingerprint)
    if isinstance(settled, Reservation) and settled.is_shown:
        return answer_repeat(services, settled)
    raise RaceLost("the same request is under way")


def answer_repeat(services: Needs, found: Reservation, *, dry_run: bool = False) -> Observed:
    """The answer to a repeated request: the reservation that the first one made."""
    if found.status is Status.PENDING and not dry_run:
        # The first try may have died between its last write and its start; the name makes this harmless.
        start_workflow(services, found)
    return observe_all(services, [found])[0]
