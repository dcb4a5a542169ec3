"""SSH keys of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEYS_PER_ACCOUNT_MAX: Final = 5
LABEL_LENGTH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. ``line`` is what goes into ``authorized_keys``: type, base64, comment."""

    line: str
    comment: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key of an account. ``created_at`` is in seconds since the epoch."""

    id: str
    label: str
    public_key: str
    fingerprint: str
    created_at: int

    @property
    def key_type(self) -> str:
        """OpenSSH's word for the kind of key, e.g. ``ssh-ed25519``."""
        return self.public_key.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of an account, oldest first; ``revision`` rises with every change of them."""

    keys: tuple[SshKey, ...] = ()
    revision: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it takes no more."""
        return len(self.keys) >= KEYS_PER_ACCOUNT_MAX

    def find(self, key_id: str) -> SshKey | None:
        """The key of that id."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_key(self, key: SshKey) -> KeyRing:
        """The ring with one more, the newest."""
        return KeyRing((*self.keys, key), self.revision + 1)

    def without(self, key_id: str) -> KeyRing:
        """The ring with one less."""
        return KeyRing(tuple(key for key in self.keys if key.id != key_id), self.revision + 1)
