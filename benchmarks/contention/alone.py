"""One reservation without rivals in virtual time: the time that it waits for the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contention.claimants import RACKS_PER_POD, SimulatedPause, over
from benchmarks.contention.service import SINGLE_SECONDS, TRANSACTION_SECONDS, SimulatedService
from benchmarks.contention.simulation import Simulation
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import InsufficientCapacity
from gpu_capacity.holders.tentative import TENTATIVE_SECONDS_MAX
from gpu_capacity.placements.create import create_placement
from gpu_capacity.reservations.create import create_reservation
from testkit.placements import provisioned, wish
from testkit.world import REGION, World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_ANSWER_A_SECOND: Final = (1.0, 1.0)
"""Seconds for a single request and for a transaction, so that seconds count round trips."""

PUBLISHED_MEDIANS: Final = (SINGLE_SECONDS[0], TRANSACTION_SECONDS[0])

SINCE_LONG: Final = TENTATIVE_SECONDS_MAX + 1
"""No booking of this age (seconds) is tentative any more."""


def round_trips(units: int, *, quota: bool = False) -> float:
    """Return the number of consecutive answers that a reservation waits for."""
    return _accepted(units, EVERY_ANSWER_A_SECOND, quota=quota)


def published_seconds(units: int, *, quota: bool = False) -> float:
    """Return the waiting time (seconds) with the published median of each answer."""
    return _accepted(units, PUBLISHED_MEDIANS, quota=quota)


def placement_round_trips() -> float:
    """Return the number of consecutive answers that a placement waits for, by a warm environment.

    The reservation is provisioned, and its host provider answers at once.
    """
    stage = _Stage(EVERY_ANSWER_A_SECOND, racks=RACKS_PER_POD)
    reservation = provisioned(stage.world, RACKS_PER_POD)
    stage.lasts(lambda: stage.place(reservation.id))
    return stage.lasts(lambda: stage.place(reservation.id))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Resources of one refusal."""

    round_trips: float
    read_units: float
    write_units: float


def refusal(*, since_seconds: int) -> Refusal:
    """Measure a request that finds everything booked for that many seconds."""
    stage = _Stage(EVERY_ANSWER_A_SECOND, racks=RACKS_PER_POD)
    stage.lasts(lambda: stage.reserve(RACKS_PER_POD))
    stage.world.clock.advance(since_seconds)
    # Warm the environment after the time has passed.
    stage.lasts(lambda: stage.services.inventory.fresh_region(REGION))
    db = stage.world.db
    read, written = db.read_units, db.write_units
    trips = stage.lasts(lambda: stage.refuse(1))
    return Refusal(trips, db.read_units - read, db.write_units - written)


def _accepted(units: int, answers: tuple[float, float], *, quota: bool) -> float:
    stage = _Stage(answers, racks=RACKS_PER_POD + 1)
    if quota:
        stage.world.set_quota(2 * RACKS_PER_POD)
    stage.lasts(lambda: stage.reserve(1))
    return stage.lasts(lambda: stage.reserve(units))


class _Stage:
    """A pod, and an execution environment."""

    def __init__(self, answers: tuple[float, float], racks: int) -> None:
        single, transaction = answers
        self._simulation = Simulation()
        self.world = World(pods=(pod("pod1", racks, hosts=1),))
        exact = (single, single), (transaction, transaction)
        service = SimulatedService(self._simulation, self.world.db, 0, *exact)
        pause = SimulatedPause(self._simulation, 0)
        database = Database(service, pause)
        self.services = over(self.world, database, self._simulation, pause)

    def reserve(self, units: int) -> None:
        create_reservation(self.services, caller(), request(units))

    def place(self, reservation_id: str) -> None:
        create_placement(self.services, caller(), wish(reservation_id))

    def refuse(self, units: int) -> None:
        try:
            create_reservation(self.services, caller(), request(units))
        except InsufficientCapacity:
            return
        raise AssertionError("more racks were accepted than there are")

    def lasts(self, act: Callable[[], object]) -> float:
        """Return the virtual seconds that a call takes."""
        passed: list[float] = []

        def run() -> None:
            began = self._simulation.now
            act()
            passed.append(self._simulation.now - began)

        self._simulation.spawn(run)
        self._simulation.run()
        return passed[0]
