"""The kinds of holders as operators name them, and the records of each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gpu_capacity.capacity_claims.record import CapacityClaim, ClaimStatus
from gpu_capacity.dynamodb import keys
from gpu_capacity.placements.record import Placement, PlacementStatus
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.holders.held import HeldEntry
    from gpu_capacity.holders.store import HolderStore
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.vms.roles import HasVms

    class HasRecords(HasClaims, HasPlacements, HasReservations, HasVms, Protocol):
        """The stores of all kinds."""


Record: TypeAlias = Reservation | Placement | CapacityClaim | Vm


class HolderKind(StrEnum):
    """The kinds of holders."""

    RESERVATION = "reservation"
    PLACEMENT = "placement"
    CAPACITY_CLAIM = "capacityClaim"
    VM = "vm"


PREFIXES: Final[dict[HolderKind, str]] = {
    HolderKind.RESERVATION: keys.RESERVATION_PREFIX,
    HolderKind.PLACEMENT: keys.PLACEMENT_PREFIX,
    HolderKind.CAPACITY_CLAIM: keys.CLAIM_PREFIX,
    HolderKind.VM: keys.VM_PREFIX,
}
_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
_KIND_OF: Final[dict[type, HolderKind]] = {
    Reservation: HolderKind.RESERVATION,
    Placement: HolderKind.PLACEMENT,
    CapacityClaim: HolderKind.CAPACITY_CLAIM,
    Vm: HolderKind.VM,
}

STATUSES: Final = frozenset(
    status.value for statuses in (Status, PlacementStatus, ClaimStatus, VmStatus) for status in statuses
) - {Status.GONE.value}
"""The statuses of all kinds. What is gone is in no list."""


def kind_of(record: Record) -> HolderKind:
    """The kind of a record."""
    return _KIND_OF[type(record)]


def sort_key_of(record: Record) -> str:
    """The sort key of a record in the holders table."""
    return PREFIXES[kind_of(record)] + record.id


def kind_and_id(sort_key: str) -> tuple[HolderKind, str]:
    """Kind and id of the record under a sort key of the holders table."""
    word, _, holder_id = sort_key.partition("#")
    return _KINDS[f"{word}#"], holder_id


def store_of(services: HasRecords, kind: HolderKind) -> HolderStore[Any]:
    """The store of a kind."""
    stores: dict[HolderKind, HolderStore[Any]] = {
        HolderKind.RESERVATION: services.reservations,
        HolderKind.PLACEMENT: services.placements,
        HolderKind.CAPACITY_CLAIM: services.claims,
        HolderKind.VM: services.vms,
    }
    return stores[kind]


def records_of(services: HasRecords, entries: Iterable[HeldEntry]) -> list[Record]:
    """The records of these entries in their order, strongly consistent, without those that are gone."""
    wanted = list(entries)
    found: dict[tuple[str, str], Record] = {}
    for kind in HolderKind:
        ids = [
            (entry.organization_id, entry.sort_key.removeprefix(PREFIXES[kind]))
            for entry in wanted
            if entry.sort_key.startswith(PREFIXES[kind])
        ]
        for record in store_of(services, kind).many(ids) if ids else ():
            found[record.organization_id, sort_key_of(record)] = record
    return [
        found[entry.organization_id, entry.sort_key]
        for entry in wanted
        if (entry.organization_id, entry.sort_key) in found
    ]
