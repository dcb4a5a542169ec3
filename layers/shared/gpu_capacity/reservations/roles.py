"""What reservations are kept with: see ``holders.roles``."""

# ruff: noqa: D102 - each class has one property, and tells what it is

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.reservations.runs import Runs
    from gpu_capacity.reservations.store import ReservationStore


class HasRuns(Protocol):
    """Runs of whole domains, owned and given back."""

    @property
    def runs(self) -> Runs: ...


class HasReservations(Protocol):
    """Records of reservations."""

    @property
    def reservations(self) -> ReservationStore: ...
