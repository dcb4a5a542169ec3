"""The collaborator that use cases of capacity claims need beside those of ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.capacity_claims.store import ClaimStore


class HasClaims(Protocol):
    """Records of capacity claims, and their queues."""

    @property
    def claims(self) -> ClaimStore: ...
