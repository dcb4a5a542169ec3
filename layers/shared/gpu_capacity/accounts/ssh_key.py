"""SSH keys of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEYS_PER_ACCOUNT_MAX: Final = 5
LABEL_LENGTH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. ``line`` is its line for ``authorized_keys``: type, base64, comment."""

    line: str
    comment: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SshKey:
    """An SSH key of an account. ``created_at`` is in seconds since the epoch."""

    id: str
    label: str
    public_key: str
    fingerprint: str
    created_at: int

    @property
    def key_type(self) -> str:
        """The type of the key in OpenSSH, such as ``ssh-ed25519``."""
        return self.public_key.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All SSH keys of an account, oldest first. ``revision`` rises with every change."""

    keys: tuple[SshKey, ...] = ()
    revision: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the account has the maximum number of keys."""
        return len(self.keys) >= KEYS_PER_ACCOUNT_MAX

    def find(self, key_id: str) -> SshKey | None:
        """The key with this id; ``None`` if there is none."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_key(self, key: SshKey) -> KeyRing:
        """The ring with one more key, as the newest one."""
        return KeyRing((*self.keys, key), self.revision + 1)

    def without(self, key_id: str) -> KeyRing:
        """The ring without this key."""
        return KeyRing(tuple(key for key in self.keys if key.id != key_id), self.revision + 1)
