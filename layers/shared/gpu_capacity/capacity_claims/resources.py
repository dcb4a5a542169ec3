"""What a capacity claim asks for, checked against the catalogue. Zones and types compare without case."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.access import Caller
    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.inventory.model import Region

MANAGED: Final = "CAPACITY_TYPE_MANAGED"
SERVERLESS: Final = "CAPACITY_TYPE_SERVERLESS"
"""The former name of ``MANAGED``, which claims may still have."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a claim asks for, in the customer's spelling: well formed, but not yet looked up."""

    instance_id: str
    instance_count: int
    zones: tuple[str, ...]
    capacity_type: str

    def fingerprint(self, name: str | None, subject: str | None = None) -> str:
        """A digest that is equal for equal requests.

        Args:
            name: of the claim, as sent.
            subject: the caller, for requests without an id; None where the id identifies the request.
        """
        parts = [self.instance_id, self.instance_count, self.zones, self.capacity_type, name or ""]
        if subject is not None:
            parts.append(subject)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Catalogued:
    """Instance type and zones in the catalogue's spelling, the zones in the order of the request."""

    instance_id: str
    zones: tuple[str, ...]


def catalogued(
    services: HasInventory, caller: Caller, resources: Resources, claim: CapacityClaim | None = None
) -> Catalogued:
    """Find zones and instance type in the catalogue.

    Args:
        services: collaborators.
        caller: who sends the request; a zone that the caller may not see is unknown.
        resources: what to find.
        claim: the claim that is being changed. A zone that it already has is not looked up: it may have left
            the catalogue since.

    Raises:
        InvalidRequest: a zone is unknown, or does not have the instance type.
    """
    known = {zone.casefold(): zone for zone in claim.zones} if claim else {}
    instance_id = claim.instance_id if claim else None
    zones: list[str] = []
    problems: list[tuple[str, str]] = []
    elsewhere: list[str] = []
    for index, sent in enumerate(resources.zones):
        if (zone := known.get(sent.casefold())) is not None:
            zones.append(zone)
            continue
        field = f"resources.zones[{index}]"
        try:
            region = _region(services, caller, sent, field)
        except InvalidRequest as error:
            problems.extend(error.problems)
            continue
        wanted = instance_id or resources.instance_id
        found = region.instance_type_like(wanted)
        if found is None:
            region = services.inventory.fresh_region(region.id) or region
            found = region.instance_type_like(wanted)
        # All zones must spell the type alike. One fleet document does; a zone that still has the spelling of
        # an older document has another type.
        if found is None or (instance_id is not None and found != instance_id):
            types = sorted({name for name, _ in region.instance_types})
            elsewhere.append(f"{field} has {', '.join(types) or 'nothing'}")
            continue
        instance_id = found
        zones.append(region.id)
    if elsewhere:
        problems.append(("resources.instance_id", f"not in every zone: {', '.join(elsewhere)}"))
    if problems:
        raise InvalidRequest.of(problems)
    return Catalogued(instance_id or resources.instance_id, tuple(zones))


def check_unchanged(claim: CapacityClaim, resources: Resources, name: str | None) -> None:
    """Refuse a change of what is fixed for the life of a claim; its zones and count may change.

    Raises:
        InvalidRequest: another name, instance type or capacity type.
    """
    if name is not None and name != claim.name:
        raise InvalidRequest("name", "cannot be changed")
    if resources.instance_id.casefold() != claim.instance_id.casefold():
        raise InvalidRequest("resources.instance_id", "cannot be changed")
    if _present(resources.capacity_type) != _present(claim.capacity_type):
        raise InvalidRequest("resources.capacity_type", "cannot be changed")


def _present(capacity_type: str) -> str:
    """A type by its present name: messages that no longer have the former one show the claim under this."""
    return MANAGED if capacity_type == SERVERLESS else capacity_type


def sees(caller: Caller, region: Region) -> bool:
    """Whether this caller may know of the region; nobody may once it has left the fleet."""
    return not region.withdrawn and (caller.is_operator or region.is_visible_to(caller.organizations))


def _region(services: HasInventory, caller: Caller, sent: str, field: str) -> Region:
    """The region of exactly this id, or else the only one that differs from it in case alone.

    An absent region and a hidden one cost the same reads, so that the time of the response does not reveal
    which it is.

    Raises:
        InvalidRequest: there is none that the caller may see, or there are several.
    """
    region = services.inventory.known_region(sent)
    if region is None or not sees(caller, region):
        region = services.inventory.fresh_region(sent)
    if region is not None and sees(caller, region):
        return region
    alike = _alike(services.inventory.regions(), caller, sent)
    if not alike:
        raise InvalidRequest(field, "no such zone")
    if len(alike) > 1:
        raise InvalidRequest(field, "several zones differ from this in case alone")
    return alike[0]


def _alike(regions: Iterable[Region], caller: Caller, sent: str) -> list[Region]:
    return [r for r in regions if r.id.casefold() == sent.casefold() and sees(caller, r)]
