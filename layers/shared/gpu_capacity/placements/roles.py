"""The collaborators that use cases of placements need beside those of ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.placements.store import PlacementStore


class HasPlacements(Protocol):
    """Records of placements."""

    @property
    def placements(self) -> PlacementStore: ...
