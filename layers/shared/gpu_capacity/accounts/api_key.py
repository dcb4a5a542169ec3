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
    """The stored record of a key. ``digest`` is the SHA-256 of the key in hex; times are in seconds.

    ``last_four`` has the last characters of the key, by which people distinguish their keys. ``number``
    counts all keys ever made for the account, so that keys of the same second have an order; it is 0 for keys
    of earlier versions. A revoked key is deleted; earlier versions set ``revoked_at`` instead.

    The digest is neither salted nor slow, because a key has 256 random bits, which cannot be guessed, and
    because a request must find the record by the key alone.
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
        """The id of the key, which does not reveal the key."""
        return self.digest[:_ID_DIGITS]


def new_key(entropy: bytes) -> str:
    """The text of a new key, from 32 unpredictable bytes: ``nv_`` and 43 URL-safe characters."""
    return API_KEY_PREFIX + base64.urlsafe_b64encode(entropy).decode().rstrip("=")


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return _FORM.fullmatch(text) is not None


def ending_of(key: str) -> str:
    """The last four characters of a key, which may be shown: 24 of its 256 bits."""
    return key[-_ENDING_LENGTH:]


def digest_of(key: str) -> str:
    """The digest under which a key is stored and found."""
    return hashlib.sha256(key.encode()).hexdigest()
