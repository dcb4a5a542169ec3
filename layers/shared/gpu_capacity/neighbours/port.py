"""The port for what placements name and other services keep. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Architecture


@dataclass(frozen=True, slots=True)
class NeighbourWish:
    """What servers are to use, and where they will be.

    Each name is the owner's id, or a name for people such as ``ubuntu-24.04``, and has the form that the API
    takes. ``architecture`` is that of the hosts. ``network_id`` is ``None`` for a change of the image, which
    names the image alone.
    """

    organization_id: str
    project_id: str
    region_id: str
    architecture: Architecture
    image_id: str
    network_id: str | None = None
    security_groups: tuple[str, ...] = ()
    ssh_certificate_authority_id: str | None = None


class Neighbours(Protocol):
    """Answers for the services that keep what ``NeighbourWish`` names."""

    def check(self, wish: NeighbourWish) -> None:
        """Return if servers may use all that is named; a UUID that nobody here knows may be used.

        Raises:
            NotFound: something of that name does not exist, or is hidden from the project.
            Unprocessable: it belongs to another region, or the image is not for this architecture.
        """
