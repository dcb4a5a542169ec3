"""An account of the VM API: a subject within an organization."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_capacity.access import Caller

SAFE_INTEGER_BITS: Final = 53
"""Numbers in responses stay below 2^53. JSON parsers that use doubles would round larger ones."""


@dataclass(frozen=True, slots=True)
class Account:
    """A subject of an organization. SSH keys, API keys and request rates belong to it."""

    organization_id: str
    subject: str


def account_of(caller: Caller, organization: str | None) -> Account:
    """The account that a request is made for.

    Args:
        caller: the verified caller.
        organization: the organization that the request names, if it names one.

    Raises:
        Forbidden, InvalidRequest: see ``Caller.within`` and ``Caller.acting_organization``.
    """
    return Account(caller.within(organization).acting_organization(), caller.subject)


def number_of(text: str) -> int:
    """A positive whole number below 2^53 that depends on the text only."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % ((1 << SAFE_INTEGER_BITS) - 1) + 1
