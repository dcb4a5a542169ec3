"""The collaborator of use cases for accounts: see ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.accounts.store import AccountStore


class HasAccounts(Protocol):
    """The store of SSH keys and API keys."""

    @property
    def accounts(self) -> AccountStore: ...
