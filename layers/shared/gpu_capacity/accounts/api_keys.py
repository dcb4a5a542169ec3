"""Creates, lists and revokes API keys of accounts, over HTTP and with ``make api-key``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission, permissions_of
from gpu_capacity.accounts.api_key import (
    KEYS_PER_ACCOUNT_MAX,
    NAME_DEFAULT,
    ApiKey,
    digest_of,
    ending_of,
    new_key,
)
from gpu_capacity.errors import ActionRefused, Forbidden, NotFound, RaceLost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.access import Caller, Scope
    from gpu_capacity.accounts.account import Account
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.accounts.store import AccountStore
    from gpu_capacity.holders.roles import HasClock, HasIds, HasTelemetry
    from gpu_capacity.ports import Clock, Ids, Telemetry

    class Needs(HasAccounts, HasClock, HasIds, HasTelemetry, Protocol):
        """What the functions of this module work with."""


ATTEMPTS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class ApiKeyIssuer:
    """Creates, lists and revokes API keys. ``actor`` is named in the audit log."""

    accounts: AccountStore
    clock: Clock
    ids: Ids
    telemetry: Telemetry
    actor: str

    def create(
        self, account: Account, scopes: Sequence[Scope], name: str = NAME_DEFAULT
    ) -> tuple[str, ApiKey]:
        """Create a key for an account.

        Returns:
            The key, which is not stored and can be shown only now, and its record.

        Raises:
            ActionRefused: the account has the maximum number of keys.
            RaceLost: other requests created keys for the account in every attempt.
        """
        key = new_key(self.ids.random_bytes() + self.ids.random_bytes())
        record = ApiKey(
            digest=digest_of(key),
            organization_id=account.organization_id,
            subject=account.subject,
            scopes=tuple(sorted(set(scopes))),
            created_at=self.clock.now(),
            name=name,
            last_four=ending_of(key),
        )
        for _ in range(ATTEMPTS_MAX):
            revision = self.accounts.api_keys_revision(account)
            if len(self.of_account(account)) >= KEYS_PER_ACCOUNT_MAX:
                raise ActionRefused(
                    f"the account has {KEYS_PER_ACCOUNT_MAX} API keys, which is all it may have"
                )
            numbered = replace(record, number=revision + 1)
            if self.accounts.add_api_key(numbered, revision):
                self._audit("create_api_key", numbered)
                return key, numbered
        raise RaceLost("other requests made keys for the account every time")

    def of_organization(self, organization_id: str) -> list[ApiKey]:
        """Every key of an organization, oldest first, also those that earlier versions marked as revoked."""
        return self.accounts.api_keys(organization_id)

    def of_account(self, account: Account) -> list[ApiKey]:
        """The valid keys of an account, oldest first."""
        found = self.accounts.api_keys(account.organization_id, account.subject)
        return [key for key in found if key.revoked_at is None]

    def revoke(self, organization_id: str, key_id: str) -> ApiKey:
        """Revoke a key of an organization. The key is deleted and no longer valid.

        Raises:
            NotFound: no key of the organization has this id, or several have.
        """
        return self._delete([key for key in self.of_organization(organization_id) if key.id == key_id])

    def revoke_own(self, account: Account, key_id: str) -> ApiKey:
        """Revoke a key of an account.

        Raises:
            NotFound: no key of the account has this id.
        """
        return self._delete([key for key in self.of_account(account) if key.id == key_id])

    def _delete(self, found: Sequence[ApiKey]) -> ApiKey:
        if len(found) != 1 or not self.accounts.delete_api_key(found[0]):
            raise NotFound("the API key does not exist")
        self._audit("delete_api_key", found[0])
        return found[0]

    def _audit(self, action: str, key: ApiKey) -> None:
        self.telemetry.audit(
            self.actor,
            action,
            key.id,
            "done",
            organization=key.organization_id,
            subject=key.subject,
            scopes=[scope.value for scope in key.scopes],
        )


def create_api_key(
    services: Needs, caller: Caller, account: Account, scopes: Sequence[Scope], name: str
) -> tuple[str, ApiKey]:
    """Create a key for the caller's own account. Returns the key and its record.

    Raises:
        Forbidden: the token does not allow creating keys, or not everything that this key would allow.
        ActionRefused: the account has the maximum number of keys.
    """
    caller.require(Permission.WRITE_API_KEYS)
    lacking = sorted(permissions_of(scopes) - caller.permissions)
    if lacking:
        raise Forbidden(f"the key would allow more than the access token does: {', '.join(lacking)}")
    return _issuer(services, caller).create(account, scopes, name)


def list_api_keys(services: Needs, caller: Caller, account: Account) -> list[ApiKey]:
    """The keys of the caller's account, oldest first.

    Raises:
        Forbidden: the token does not allow creating keys. Then it does not allow listing them either.
    """
    caller.require(Permission.WRITE_API_KEYS)
    return _issuer(services, caller).of_account(account)


def delete_api_key(services: Needs, caller: Caller, account: Account, key_id: str) -> ApiKey:
    """Revoke a key of the caller's account. Returns its record.

    Raises:
        Forbidden: the token does not allow creating keys.
        NotFound: the account has no key with this id.
    """
    caller.require(Permission.WRITE_API_KEYS)
    return _issuer(services, caller).revoke_own(account, key_id)


def _issuer(services: Needs, caller: Caller) -> ApiKeyIssuer:
    return ApiKeyIssuer(services.accounts, services.clock, services.ids, services.telemetry, caller.subject)
