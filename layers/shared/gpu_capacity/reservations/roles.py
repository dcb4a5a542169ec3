"""The collaborators that use cases of reservations need beside those of ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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


class HasReservations(Protocol):
    """Records of reservations."""

    @property
    def reservations(self) -> ReservationStore: ...
