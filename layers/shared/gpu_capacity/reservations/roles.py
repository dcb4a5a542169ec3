"""The collaborators that use cases of reservations need beside those of ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gpu_capacity.holders.store import HolderKey
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.reservations.runs import Runs
    from gpu_capacity.reservations.store import ReservationStore


class HasRuns(Protocol):
    """Writes ownership of runs of whole domains."""

    @property
    def runs(self) -> Runs: ...


class Dependants(Protocol):
    """What customers have on the hosts of reservations."""

    def release(self, reservation: Reservation) -> bool:
        """Begin to remove all that uses hosts of a reservation. True once nothing does."""


class HasDependants(Protocol):
    """What customers have on the hosts of reservations."""

    @property
    def dependants(self) -> Dependants: ...


class PlacementRecord(Protocol):
    """What a reservation has to know of a placement on its hosts, whose room stands above this one."""

    @property
    def id(self) -> str: ...

    def slots(self) -> Iterator[tuple[int, int, int]]:
        """Its hosts, as (ordinal, position of the domain, slot)."""

    def server_id(self, ordinal: int) -> str:
        """The id of the server of this ordinal."""


class PlacementRecords(Protocol):
    """Reads records of placements."""

    def many(self, wanted: Iterable[HolderKey]) -> Iterator[PlacementRecord]:
        """The records that exist and can be read, in no particular order."""


class HasPlacementRecords(Protocol):
    """Records of placements."""

    @property
    def placements(self) -> PlacementRecords: ...


class HasReservations(Protocol):
    """Records of reservations."""

    @property
    def reservations(self) -> ReservationStore: ...
