"""Show one holder of any organization, with the hardware that it has by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound
from gpu_capacity.operations.kinds import store_of
from gpu_capacity.operations.parts import parts_of

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.operations.kinds import HasRecords, HolderKind, Record

    class Needs(HasInventory, HasRecords, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A domain of which a holder has something. ``domain_id`` is None if the inventory no longer has it."""

    region_id: str
    pod_id: str
    position: int
    domain_id: str | None
    host_ids: tuple[str, ...]
    gpus: int


@dataclass(frozen=True, slots=True)
class ShownHolder:
    """A holder and what it has."""

    record: Record
    parts: tuple[NamedPart, ...]


def get_holder(services: Needs, kind: HolderKind, organization_id: str, holder_id: str) -> ShownHolder:
    """One holder, also one that its organization is not shown because it is still being made.

    Raises:
        NotFound: the organization has none of this kind and id.
    """
    record = store_of(services, kind).present(organization_id, holder_id)
    if record is None:
        raise NotFound(f"the {kind.value} does not exist")
    parts = [*parts_of(record)]
    pods = services.inventory.pods_in({(part.region_id, part.pod_id): None for part in parts})
    named = []
    for part in parts:
        pod = pods.get((part.region_id, part.pod_id))
        domain = next((d for d in pod.domains if d.position == part.position), None) if pod else None
        hosts = sorted(domain.hosts, key=lambda host: host.slot) if domain else []
        has = tuple(host.id for host in hosts if part.hosts is None or part.hosts >> host.slot & 1)
        named.append(
            NamedPart(
                part.region_id, part.pod_id, part.position, domain.id if domain else None, has, part.gpus
            )
        )
    return ShownHolder(record, tuple(named))
