"""Requests to placement, and its results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A request for ``count`` contiguous units.

    ``seed`` decides between equally good runs: the same seed on the same snapshot gives the same result,
    different seeds spread. ``attempt`` is the number of races already lost; a lost race widens the choice.
    """

    count: int
    seed: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """``count`` domains of one pod, from position ``start`` on."""

    pod_id: str
    start: int
    count: int

    @property
    def positions(self) -> range:
        """Every position of the placement."""
        return range(self.start, self.start + self.count)


@dataclass(frozen=True, slots=True)
class Unplaceable:
    """Why a request does not fit, in units.

    ``available`` units are free, all of them in runs that are too short; ``largest_run`` is the longest of
    these runs. All other units are excluded, each counted once by the first reason that applies: ``claimed``
    (owned in whole or in part), ``cordoned``, ``incomplete``. ``largest_possible`` is the longest run if
    nothing were excluded: no larger request can ever fit.
    """

    requested: int
    available: int
    largest_run: int
    claimed: int
    cordoned: int
    incomplete: int
    largest_possible: int

    @property
    def is_lasting(self) -> bool:
        """Whether waiting cannot help, because no pod has so many contiguous domains."""
        return self.requested > self.largest_possible

    def describe(self) -> str:
        """One sentence for the customer."""
        outlook = (
            f"no pod has more than {self.largest_possible} contiguous units, so it can never fit"
            if self.is_lasting
            else f"pods have up to {self.largest_possible} contiguous units, so it may fit later"
        )
        return (
            f"insufficient capacity: {self.requested} contiguous units requested, "
            f"{self.available} available, largest contiguous count {self.largest_run} "
            f"(excluded: {self.claimed} claimed, {self.cordoned} cordoned, {self.incomplete} incomplete); "
            f"{outlook}"
        )
