"""Resolves how people log in to a new VM: with an SSH key of the account, or with a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gpu_capacity.errors import ActionRefused
from gpu_capacity.vms.passwords import hash_password
from gpu_capacity.vms.record import AuthMethod, Login

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.accounts.account import Account
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.holders.roles import HasIds

    class Needs(HasAccounts, HasIds, Protocol):
        """What the functions of this module work with."""


def login_with_key(services: HasAccounts, account: Account, key_id: str | None) -> Login:
    """A login with a key of the account: the named one, or the oldest.

    Raises:
        ActionRefused: the account has no such key, or none at all.
    """
    ring = services.accounts.key_ring(account)
    if not ring.keys:
        raise ActionRefused("the account has no SSH key: add one first, or use a password")
    key = ring.keys[0] if key_id is None else ring.find(key_id)
    if key is None:
        raise ActionRefused("the account has no SSH key of this id")
    return Login(AuthMethod.SSH_KEY, ssh_key_id=key.id, ssh_public_key=key.public_key)


def login_with_password(services: HasIds, password: str) -> Login:
    """A login with a password. It has the hash only; the password itself is not kept."""
    return Login(AuthMethod.PASSWORD, password_hash=hash_password(password, services.ids.random_bytes()))


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """The login that a request asks for: a key of the account, or a password in clear."""

    ssh_key_id: str | None = None
    password: str | None = field(default=None, repr=False)

    def words(self, salt: bytes) -> list[str | None]:
        """Words for a fingerprint, equal for equal logins.

        A password is in them as a slow hash, so that it cannot be guessed from the fingerprint.

        Args:
            salt: 16 bytes for that hash.
        """
        return [self.ssh_key_id, None if self.password is None else hash_password(self.password, salt)]


def login_of(services: Needs, account: Account, wanted: LoginRequest | Login) -> Login:
    """Resolve a login; one that is resolved already is returned as it is.

    Raises:
        ActionRefused: the account has no such key, or none at all.
    """
    if isinstance(wanted, Login):
        return wanted
    if wanted.password is not None:
        return login_with_password(services, wanted.password)
    return login_with_key(services, account, wanted.ssh_key_id)
