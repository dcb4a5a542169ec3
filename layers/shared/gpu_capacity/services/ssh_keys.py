"""SSH keys of accounts, and how people will log in to a new VM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import ActionRefused, NotFound, RaceLost
from gpu_capacity.holders.ids import holder_id
from gpu_capacity.holders.ssh_keys import KEYS_PER_ACCOUNT_MAX, SshKey
from gpu_capacity.holders.vm import AuthMethod, Login
from gpu_capacity.services.passwords import hash_password

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.account import Account
    from gpu_capacity.holders.ssh_keys import PublicKey
    from gpu_capacity.services.parts import HasAccounts, HasClock, HasIds, HasPause, HasTelemetry

    class Needs(HasAccounts, HasClock, HasIds, HasPause, HasTelemetry, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 8


def add_ssh_key(services: Needs, caller: Caller, account: Account, label: str, public: PublicKey) -> SshKey:
    """Put a public key on an account.

    Raises:
        Forbidden: the token may not write VMs.
        ActionRefused: the account has the key already, or as many as it may have.
    """
    caller.require(Permission.WRITE_VMS)
    key = SshKey(
        id=holder_id(services.ids.random_bytes()),
        label=label,
        public_key=public.line,
        fingerprint=public.fingerprint,
        created_at=services.clock.now(),
    )
    for attempt in range(ATTEMPTS_MAX):
        ring = services.accounts.key_ring(account)
        if any(known.fingerprint == key.fingerprint for known in ring.keys):
            raise ActionRefused("this key is on the account already")
        if ring.is_full:
            raise ActionRefused(f"the account has {KEYS_PER_ACCOUNT_MAX} SSH keys, which is all it may have")
        if services.accounts.change_key_ring(account, ring, ring.with_key(key)):
            _audit(services, caller, "add_ssh_key", account, key)
            return key
        services.pause(attempt)
    raise RaceLost("other requests changed the keys every time")


def list_ssh_keys(services: Needs, caller: Caller, account: Account) -> tuple[SshKey, ...]:
    """The keys of an account, oldest first."""
    caller.require(Permission.READ_VMS)
    return services.accounts.key_ring(account).keys


def delete_ssh_key(services: Needs, caller: Caller, account: Account, key_id: str) -> SshKey:
    """Take a key off an account. VMs that were made with it keep it: it is on their disks.

    Raises:
        Forbidden: the token may not write VMs.
        NotFound: the account has no such key.
    """
    caller.require(Permission.WRITE_VMS)
    for attempt in range(ATTEMPTS_MAX):
        ring = services.accounts.key_ring(account)
        key = ring.find(key_id)
        if key is None:
            raise NotFound("the SSH key does not exist")
        if services.accounts.change_key_ring(account, ring, ring.without(key_id)):
            _audit(services, caller, "delete_ssh_key", account, key)
            return key
        services.pause(attempt)
    raise RaceLost("other requests changed the keys every time")


def login_with_key(services: Needs, account: Account, key_id: str | None) -> Login:
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


def login_with_password(services: Needs, password: str) -> Login:
    """Log in with a password; only its hash is known from here on."""
    return Login(AuthMethod.PASSWORD, password_hash=hash_password(password, services.ids.random_bytes()))


@dataclass(frozen=True, slots=True)
class LoginWish:
    """How people want to log in to a new VM: with a key of the account, or with a password in clear."""

    ssh_key_id: str | None = None
    password: str | None = field(default=None, repr=False)

    def words(self, salt: bytes) -> list[str | None]:
        """Equal for equal wishes. A password is a slow hash there, so that it cannot be guessed from it."""
        return [self.ssh_key_id, None if self.password is None else hash_password(self.password, salt)]


def login_of(services: Needs, account: Account, wish: LoginWish | Login) -> Login:
    """What a wish comes to; from here on a password is only a hash. What is resolved already stays.

    Raises:
        ActionRefused: the account has no such key, or none at all.
    """
    if isinstance(wish, Login):
        return wish
    if wish.password is not None:
        return login_with_password(services, wish.password)
    return login_with_key(services, account, wish.ssh_key_id)


def _audit(services: Needs, caller: Caller, action: str, account: Account, key: SshKey) -> None:
    services.telemetry.audit(
        caller.subject,
        action,
        key.id,
        "done",
        organization=account.organization_id,
        fingerprint=key.fingerprint,
    )
