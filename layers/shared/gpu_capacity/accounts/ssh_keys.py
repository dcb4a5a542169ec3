"""Adds, lists and deletes SSH keys of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.accounts.ssh_key import KEYS_PER_ACCOUNT_MAX, SshKey
from gpu_capacity.errors import ActionRefused, NotFound, RaceLost
from gpu_capacity.holders.ids import holder_id

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.accounts.ssh_key import PublicKey
    from gpu_capacity.holders.roles import HasClock, HasIds, HasPause, HasTelemetry

    class Needs(HasAccounts, HasClock, HasIds, HasPause, HasTelemetry, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 8


def add_ssh_key(services: Needs, caller: Caller, account: Account, label: str, public: PublicKey) -> SshKey:
    """Add a public key to an account.

    Raises:
        Forbidden: the caller does not have the permission to write VMs.
        ActionRefused: the account already has the key, or the maximum number of keys.
        RaceLost: other requests changed the keys in every attempt.
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
    """Delete a key of an account. VMs that were created with it keep it on their disks.

    Raises:
        Forbidden: the caller does not have the permission to write VMs.
        NotFound: the account has no key with this id.
        RaceLost: other requests changed the keys in every attempt.
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


def _audit(services: Needs, caller: Caller, action: str, account: Account, key: SshKey) -> None:
    services.telemetry.audit(
        caller.subject,
        action,
        key.id,
        "done",
        organization=account.organization_id,
        fingerprint=key.fingerprint,
    )
