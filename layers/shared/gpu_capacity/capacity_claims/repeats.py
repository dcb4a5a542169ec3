"""Distinguishes a repeated request for a capacity claim from a new one: by id, idempotency key or name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.record import ClaimStatus
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.errors import AlreadyExists, KeyReused
from gpu_capacity.holders.ids import keyed_holder_id

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.capacity_claims.resources import Resources
    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.roles import HasClock

    class Needs(HasClaims, HasClock, Protocol):
        """What the functions of this module work with."""


REPEAT_MS_MAX: Final = 180_000
"""How long, in milliseconds, an equal request of the same caller under the same name counts as a repeat.
Clients repeat a ``POST`` without a response for half a minute; an equal request after that is a new one."""


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """What identifies a request, to recognize its repeats.

    ``identity`` is the claim's id if the client chose it, directly or (``keyed``) by an idempotency key, else
    None. ``fingerprint`` is a digest of what the request asks for.
    """

    identity: str | None
    fingerprint: str
    name: str | None
    keyed: bool


def request_identity(
    caller: Caller,
    organization_id: str,
    resources: Resources,
    claim_id: str | None,
    name: str | None,
    key: str | None,
) -> RequestIdentity:
    """What identifies a request. An id already does, so a key beside it is ignored."""
    identity = claim_id
    if claim_id is None and key is not None:
        identity = keyed_holder_id(organization_id, caller.subject, key, "claim")
    fingerprint = resources.fingerprint(name, caller.subject if identity is None else None)
    return RequestIdentity(identity, fingerprint, name, keyed=claim_id is None and key is not None)


def first_of(services: Needs, organization_id: str, asked: RequestIdentity) -> CapacityClaim | None:
    """The claim that an earlier try of this request made; None if this is the first.

    Raises:
        AlreadyExists: the id or the name belongs to another request's claim, or to one that is gone.
        KeyReused: another request used this idempotency key.
    """
    if asked.identity is not None:
        found = services.claims.find(organization_id, asked.identity)
        if found is not None and not (isinstance(found, Tombstone) and not found.finished):
            return made_before(asked.identity, found, asked)
    elif asked.name is not None:
        named = services.claims.named(organization_id, asked.name)
        if named is not None:
            return by_name(services, named, asked)
    return None


def made_before(claim_id: str, found: CapacityClaim | Tombstone, asked: RequestIdentity) -> CapacityClaim:
    """The claim found under the request's id, if an earlier try of this request made it.

    Raises:
        AlreadyExists: another request made it, or it is gone.
        KeyReused: another request used this idempotency key.
    """
    if isinstance(found, Tombstone):
        other = "use another idempotency key" if asked.keyed else "choose another id"
        raise AlreadyExists(
            "CapacityClaim", claim_id, f"the capacity claim of id {claim_id} was deleted: {other}"
        )
    if found.fingerprint != asked.fingerprint:
        if asked.keyed:
            raise KeyReused("CapacityClaim", found.id)
        raise AlreadyExists(
            "CapacityClaim",
            found.id,
            f"a capacity claim of id {found.id} exists, which was made by another request",
        )
    return found


def by_name(services: Needs, found: CapacityClaim, asked: RequestIdentity) -> CapacityClaim:
    """The claim found under the name of a request without an id, if an earlier try of this request made it.

    A claim that is being deleted is never the answer: the caller would believe that it has a claim, and soon
    has none.

    Raises:
        AlreadyExists: another request made it, or it is being deleted.
    """
    is_recent = services.clock.now_ms() - found.created_ms <= REPEAT_MS_MAX
    is_repeat = not found.supplied and found.fingerprint == asked.fingerprint and is_recent
    if found.status is ClaimStatus.DELETING or not is_repeat:
        state = "is being deleted" if found.status is ClaimStatus.DELETING else "exists"
        raise AlreadyExists(
            "CapacityClaim", found.name, f"a capacity claim of this name {state}: its id is {found.id}"
        )
    return found
