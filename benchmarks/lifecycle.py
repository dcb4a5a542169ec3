"""Measures the resources that a reservation uses over its whole lifecycle, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.metering import WriteMeter
from benchmarks.prices import Consumption
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.read import get_reservation
from testkit.provider import StubbornRegion
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.workflow.stage import Stage


@dataclass
class Life:
    """Resources of one reservation.

    Args:
        hosts: hosts of each rack.
        units: write units by table and index, over the whole lifecycle.
        stages: consumption of each stage, in order.
        executions: number of started workflows.
    """

    hosts: int
    units: Mapping[str, float]
    stages: dict[str, Consumption] = field(default_factory=dict)
    executions: int = 0

    def whole(self) -> Consumption:
        """Return the sum of all stages."""
        return sum(self.stages.values(), start=Consumption())


def reservation_life(racks: int, hosts: int) -> Life:
    """Real definitions, steps and stores; the host provider keeps its holds elsewhere.

    Hosts are held after 20 s and released after as many as the provider says; every further look costs more.
    """
    # Imported here: only the environments of tests and benchmarks have the interpreter of state machines.
    from testkit.workflow.stage import Stage  # noqa: PLC0415 - see above

    world = World(pods=(pod("pod1", racks, hosts=hosts),))
    stage = Stage(world, provider=lambda w: StubbornRegion(w.clock, w.behaviour), quota=False)
    warm_up = stage.reserve(1)
    stage.run_all()
    stage.delete(warm_up)
    stage.run_all()
    started = len(stage.workflows.running)
    laps = Laps(stage)
    life = Life(hosts, WriteMeter(world.db).units)
    reservation_id = stage.reserve(racks)
    life.stages["reserve (POST)"] = laps.lap(api=1)
    stage.run_all()
    life.stages["provision"] = laps.lap()
    stage.delete(reservation_id)
    life.stages["delete (DELETE)"] = laps.lap(api=1)
    stage.run_all()
    life.stages["deprovision"] = laps.lap()
    life.executions = len(stage.workflows.running) - started
    return life


def customer_polls(polls: int) -> Consumption:
    """Measure GETs by a waiting client: one batch each for record, pod and region."""
    world = World(pods=(pod("pod1", 8, hosts=18),))
    reservation = create_reservation(world.services, caller(), request(4)).reservation
    before = world.db.read_units
    get_reservation(world.services, caller(), reservation.id, frozenset())
    return Consumption(read_units=(world.db.read_units - before) * polls, api_requests=polls)


class Laps:
    """Differences of the stage's counters."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._last = self._now()

    def lap(self, *, api: int = 0) -> Consumption:
        """Return the consumption since the last lap, with ``api`` requests in it."""
        now = self._now()
        writes, reads, transitions, calls = (b - a for a, b in zip(self._last, now, strict=True))
        self._last = now
        return Consumption(writes, reads, transitions, api, calls)

    def _now(self) -> tuple[float, float, int, int]:
        world, running = self._stage.world, self._stage.workflows.running.values()
        # The start of an execution counts as a transition.
        transitions = sum(len(execution.visited) + 1 for execution in running)
        return world.db.write_units, world.db.read_units, transitions, len(self._stage.calls)
