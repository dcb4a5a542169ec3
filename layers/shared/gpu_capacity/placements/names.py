"""Checks what a placement names of other services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.inventory.model import Architecture
from gpu_capacity.neighbours.port import NeighbourWish

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.project_scoped import ProjectScoped
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.neighbours.roles import HasNeighbours

    class Needs(HasInventory, HasNeighbours, Protocol):
        """What the functions of this module work with."""


def check_names(
    services: Needs,
    place: ProjectScoped,
    image_id: str,
    *,
    network_id: str | None = None,
    security_groups: tuple[str, ...] = (),
    ssh_certificate_authority_id: str | None = None,
) -> None:
    """Check that servers on hosts of a reservation or a placement can use all that is named.

    Raises:
        NotFound: something of that name does not exist.
        Unprocessable: it belongs to another region, or the image is not for these hosts.
    """
    region = services.inventory.region(place.region_id)
    flavor = region.flavor(place.flavor_id) if region else None
    services.neighbours.check(
        NeighbourWish(
            organization_id=place.organization_id,
            project_id=place.project_id,
            region_id=place.region_id,
            architecture=flavor.architecture if flavor else Architecture.UNKNOWN,
            image_id=image_id,
            network_id=network_id,
            security_groups=security_groups,
            ssh_certificate_authority_id=ssh_certificate_authority_id,
        )
    )
