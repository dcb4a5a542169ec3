"""API keys of the VM API: bearer credentials of an account."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import API_KEY_PREFIX

if TYPE_CHECKING:
    from gpu_capacity.access import Scope

_FORM: Final = re.compile(r"nv_[A-Za-z0-9_-]{43}")
KEYS_PER_ACCOUNT_MAX: Final = 20
NAME_LENGTH_MAX: Final = 100
NAME_DEFAULT: Final = "Primary Key"
_ID_DIGITS: Final = 16
_ENDING_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key. ``digest`` is the SHA-256 of the key in hex; times are in seconds.

    ``last_four`` are the last characters of the key, by which people tell theirs apart. ``number`` counts the
    keys that were ever made for the account, so that those of one second have an order; it is 0 for keys of
    earlier versions. Keys are deleted when they are revoked; earlier versions marked them with ``revoked_at``
    instead.

    Not salted and not slow, because a key is 256 random bits: there is nothing to guess, and it must be
    found by what is sent.
    """

    digest: str
    organization_id: str
    subject: str
    scopes: tuple[Scope, ...]
    created_at: int
    name: str = NAME_DEFAULT
    last_four: str | None = None
    number: int = 0
    revoked_at: int | None = None

    @property
    def id(self) -> str:
        """What people call it by; it gives nothing away."""
        return self.digest[:_ID_DIGITS]


def new_key(entropy: bytes) -> str:
    """The text of a key, of 32 unpredictable bytes: ``nv_`` and 43 url-safe characters."""
    return API_KEY_PREFIX + base64.urlsafe_b64encode(entropy).decode().rstrip("=")


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return _FORM.fullmatch(text) is not None


def ending_of(key: str) -> str:
    """What may be shown of a key: 24 of its 256 bits."""
    return key[-_ENDING_LENGTH:]


def digest_of(key: str) -> str:
    """What a key is kept and found under."""
    return hashlib.sha256(key.encode()).hexdigest()
