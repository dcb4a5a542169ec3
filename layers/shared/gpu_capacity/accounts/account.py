"""Who rents VMs: a user within an organization."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    """The account a call is made for.

    Raises:
        Forbidden, InvalidRequest: as ``Caller.within`` and ``Caller.acting_organization``.
    """
    return Account(caller.within(organization).acting_organization(), caller.subject)


def number_of(text: str) -> int:
    """A positive whole number below 2^53 that always belongs to the text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % ((1 << SAFE_INTEGER_BITS) - 1) + 1
