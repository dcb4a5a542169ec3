"""Give API keys to accounts and take them back. An operator does, with ``make api-key``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound
from gpu_capacity.holders.api_keys import ApiKey, digest_of, new_key

if TYPE_CHECKING:
    from gpu_capacity.access import Scope
    from gpu_capacity.dynamodb.account_store import AccountStore
    from gpu_capacity.holders.account import Account
    from gpu_capacity.ports import Clock, Ids, Telemetry


@dataclass(frozen=True, slots=True)
class ApiKeyBook:
    """What API keys are given and taken with. ``actor`` goes into the audit line."""

    accounts: AccountStore
    clock: Clock
    ids: Ids
    telemetry: Telemetry
    actor: str

    def create(self, account: Account, scope: Scope) -> tuple[str, ApiKey]:
        """A new key, and what is kept of it. The key itself is in no other place: it can be shown once."""
        key = new_key(self.ids.random_bytes() + self.ids.random_bytes())
        record = ApiKey(
            digest=digest_of(key),
            organization_id=account.organization_id,
            subject=account.subject,
            scope=scope,
            created_at=self.clock.now(),
        )
        self.accounts.add_api_key(record)
        self._audit("create_api_key", record)
        return key, record

    def list(self, organization_id: str) -> list[ApiKey]:
        """Every key of an organization, revoked ones too, oldest first."""
        return self.accounts.api_keys(organization_id)

    def revoke(self, organization_id: str, key_id: str) -> ApiKey:
        """Take a key back; repeated, it changes nothing.

        Raises:
            NotFound: no key of the organization has this id, or more than one has.
        """
        found = [key for key in self.accounts.api_keys(organization_id) if key.id == key_id]
        if len(found) != 1:
            raise NotFound("no API key of the organization has this id")
        if self.accounts.revoke_api_key(found[0].digest, self.clock.now()):
            self._audit("revoke_api_key", found[0])
        return self.accounts.api_key(found[0].digest) or found[0]

    def _audit(self, action: str, key: ApiKey) -> None:
        self.telemetry.audit(
            self.actor,
            action,
            key.id,
            "done",
            organization=key.organization_id,
            subject=key.subject,
            scope=key.scope.value,
        )
