"""Who rents VMs: a user within an organization."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import Forbidden, InvalidRequest

if TYPE_CHECKING:
    from gpu_capacity.access import Caller

SAFE_INTEGER_BITS: Final = 53
"""Numbers in answers stay below 2^53: beyond it JSON readers that use doubles round them."""


@dataclass(frozen=True, slots=True)
class Account:
    """A subject of an organization: what SSH keys, API keys and rate limits belong to."""

    organization_id: str
    subject: str


def account_of(caller: Caller, organization: str | None) -> Account:
    """The account a call is made for: the token's only organization, or the one that the call names.

    Raises:
        Forbidden: the token does not give access to the organization named.
        InvalidRequest: none is named, and the token has none or several.
    """
    if organization is not None:
        if organization not in caller.organizations:
            raise Forbidden("the access token does not give access to the organization")
        return Account(organization, caller.subject)
    if len(caller.organizations) != 1:
        raise InvalidRequest("header X-Organization-Id", "required where a token has several organizations")
    return Account(next(iter(caller.organizations)), caller.subject)


def number_of(text: str) -> int:
    """A positive whole number below 2^53 that always belongs to the text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % ((1 << SAFE_INTEGER_BITS) - 1) + 1
