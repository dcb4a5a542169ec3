"""How people will log in to a new VM."""

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
    """Log in with a key of the account, the oldest where none is named.

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
    """Log in with a password; only its hash is known from here on."""
    return Login(AuthMethod.PASSWORD, password_hash=hash_password(password, services.ids.random_bytes()))


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """How people want to log in to a new VM: with a key of the account, or with a password in clear."""

    ssh_key_id: str | None = None
    password: str | None = field(default=None, repr=False)

    def words(self, salt: bytes) -> list[str | None]:
        """Equal for equal wishes. A password is a slow hash there, so that it cannot be guessed from it."""
        return [self.ssh_key_id, None if self.password is None else hash_password(self.password, salt)]


def login_of(services: Needs, account: Account, wish: LoginRequest | Login) -> Login:
    """What a wish comes to; from here on a password is only a hash. What is resolved already stays.

    Raises:
        ActionRefused: the account has no such key, or none at all.
    """
    if isinstance(wish, Login):
        return wish
    if wish.password is not None:
        return login_with_password(services, wish.password)
    return login_with_key(services, account, wish.ssh_key_id)
