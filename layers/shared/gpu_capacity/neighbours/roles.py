"""The collaborator that use cases need to check what they name of other services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.neighbours.port import Neighbours


class HasNeighbours(Protocol):
    """Networks, images, security groups and SSH certificate authorities."""

    @property
    def neighbours(self) -> Neighbours:
        """Answers for the services that keep them."""
