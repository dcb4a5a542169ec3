"""Measures what a placement costs: its acceptance, a read of it, and the workflow of many servers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchmarks.claim_cost import claim_cost
from benchmarks.contention import alone
from benchmarks.lifecycle import Laps
from benchmarks.prices import Consumption, Prices
from gpu_capacity.holders.steps import Step
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.read import get_placement
from gpu_capacity.placements.record import StrategyType, UpdateStrategy
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.placements.update import update_placement
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour, SimulatedBoots
from testkit.placements import place, provisioned, wish
from testkit.provider import StubbornRegion
from testkit.world import ORGANIZATION, World, caller, pod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.options import Options
    from benchmarks.report import Section
    from gpu_capacity.placements.request import PlacementRequest

RACKS: Final = 8
HOSTS_PER_RACK: Final = 18
BOOT_SECONDS: Final = 300
"""Time in which a server boots an image, an assumption."""

SHARE: Final = "25%"
"""``maxUnavailable`` of the rolling updates."""

DEPLOY, ROLL = "deploy", "rolling update"

UNITS_MORE_MAX: Final = 4
ROUND_TRIPS_MORE_MAX: Final = 1
READS_MAX: Final = 2


@dataclass(frozen=True, slots=True)
class Accepted:
    """Units and consecutive answers of one placement that a warm environment accepts."""

    write_units: float
    write_units_with_quota: float
    read_units: float
    round_trips: float


@dataclass(frozen=True, slots=True)
class Read:
    """Requests and read units of a get: of the service, and of the simulated provider in its own table."""

    requests: int
    units: float
    provider_requests: int
    provider_units: float


def accepted() -> Accepted:
    """Measure a placement on one host; more hosts of few racks hardly change the size of the records."""
    written, read = _accepted(quota=False)
    counted, _ = _accepted(quota=True)
    return Accepted(written, counted, read, alone.placement_round_trips())


def _accepted(*, quota: bool) -> tuple[float, float]:
    """The (write, read) units of the second placement of an environment."""
    world = _outside(World(pods=(pod("pod1", RACKS, hosts=1),)))
    if quota:
        world.set_quota(RACKS, "placement_servers")
    reservation = provisioned(world, RACKS)
    place(world, reservation.id)
    write, read = world.db.write_units, world.db.read_units
    place(world, reservation.id)
    return world.db.write_units - write, world.db.read_units - read


def read_of(hosts_per_rack: int) -> Read:
    """Measure a get of a placement with servers on all hosts of ``RACKS`` racks."""
    requests, units = _read(hosts_per_rack, provider_outside=True)
    both_requests, both_units = _read(hosts_per_rack, provider_outside=False)
    return Read(requests, units, both_requests - requests, both_units - units)


def _read(hosts_per_rack: int, *, provider_outside: bool) -> tuple[int, float]:
    """The number of requests and the read units of a get."""
    world = World(pods=(pod("pod1", RACKS, hosts=hosts_per_rack),))
    if provider_outside:
        _outside(world)
    placement = place(world, provisioned(world, RACKS).id, RACKS * hosts_per_rack)
    while settle_placement(world.services, ORGANIZATION, placement.id) is not Step.DONE:
        world.clock.advance(BOOT_SECONDS)
    requests, units = world.db.requests.total(), world.db.read_units
    seen = get_placement(world.services, caller(), placement.id, frozenset())
    assert seen.counts is not None
    assert seen.counts.ready == placement.count
    return world.db.requests.total() - requests, world.db.read_units - units


def placement_life(hosts_per_rack: int) -> dict[str, Consumption]:
    """Measure the stages of a placement on all hosts of ``RACKS`` racks: real definition, steps and stores.

    Servers take ``BOOT_SECONDS`` for an image; the host provider keeps them elsewhere.
    """
    # Imported here: only the environments of tests and benchmarks have the interpreter of state machines.
    from testkit.workflow.stage import Stage  # noqa: PLC0415 - see above

    boots = SimulatedBoots(boot_seconds=BOOT_SECONDS, rebuild_seconds=BOOT_SECONDS)
    world = World(pods=(pod("pod1", RACKS, hosts=hosts_per_rack),), behaviour=SimulatedBehaviour(boots=boots))
    stage = Stage(world, provider=lambda w: StubbornRegion(w.clock, w.behaviour), quota=False)
    reservation_id = stage.reserve(RACKS)
    stage.run_all()
    request = _request(reservation_id, RACKS * hosts_per_rack)
    laps, stages = Laps(stage), {}
    placement = create_placement(stage.services, caller(), request).placement
    stages["place (POST)"] = laps.lap(api=1)
    stage.run_all()
    stages[DEPLOY] = laps.lap()
    spec = replace(request.spec, image_id="ubuntu-26.04")
    update_placement(stage.services, caller(), placement.id, spec, frozenset())
    stages["another image (PUT)"] = laps.lap(api=1)
    stage.run_all()
    stages[ROLL] = laps.lap()
    servers = stage.provider.servers(placement.server_owner)
    assert {server.image_id for server in servers} == {spec.image_id}
    delete_placement(stage.services, caller(), placement.id, frozenset())
    stages["delete (DELETE)"] = laps.lap(api=1)
    stage.run_all()
    stages["remove"] = laps.lap()
    return stages


def show(section: Section, options: Options) -> None:
    """Measure placements, and add their figures to the part on cost."""
    hosts = options.sized(HOSTS_PER_RACK, 2)
    servers = RACKS * hosts
    cost, claim, read = accepted(), claim_cost(1), read_of(hosts)
    section.text(
        "**Placements.** A placement takes hosts in one transaction of two puts, its own record and that of "
        "its reservation, so that it excludes everything else that changes the reservation. The round trips: "
        "reservation, hardware (the quota beside it), transaction, and the quota again. With a quota it "
        f"writes {cost.write_units_with_quota:g} units. A get reads the record ({read.units:g} unit), and "
        "the host provider lists the servers: the simulated region reads "
        f"{read.provider_units:g} units of its own table in {read.provider_requests} query."
    )
    section.figure(
        "write units of a placement, beside those of a reservation",
        f"{cost.write_units:g} beside {claim.accepted:g}",
        f"at most {UNITS_MORE_MAX} more",
        met=cost.write_units - claim.accepted <= UNITS_MORE_MAX,
    )
    section.figure(
        "round trips of a placement by a warm environment, beside those of a reservation",
        f"{cost.round_trips:g} beside {claim.round_trips:g}",
        f"at most {ROUND_TRIPS_MORE_MAX} more",
        met=cost.round_trips - claim.round_trips <= ROUND_TRIPS_MORE_MAX,
        detail=True,
    )
    section.figure(
        f"reads of a get of a placement of {servers} servers, those of the simulated provider included",
        f"{read.requests + read.provider_requests:g}",
        f"at most {READS_MAX}",
        met=read.requests + read.provider_requests <= READS_MAX,
        detail=True,
    )
    _workflow(section, servers, placement_life(hosts), placement_life(1))


def _workflow(
    section: Section, servers: int, life: Mapping[str, Consumption], small: Mapping[str, Consumption]
) -> None:
    section.figure(
        f"state transitions of the deployment of {RACKS} and of {servers} servers",
        f"{small[DEPLOY].state_transitions:g}, {life[DEPLOY].state_transitions:g}",
        "the same",
        met=small[DEPLOY].state_transitions == life[DEPLOY].state_transitions,
        detail=True,
    )
    section.figure(
        f"state transitions of a rolling update of {RACKS} and of {servers} servers, {SHARE} at a time",
        f"{small[ROLL].state_transitions:g}, {life[ROLL].state_transitions:g}",
        "the same (by batch, not by server)",
        met=small[ROLL].state_transitions == life[ROLL].state_transitions,
        detail=True,
    )
    prices, whole = Prices.read(), sum(life.values(), start=Consumption())
    section.text(
        f"**The life of a placement of {servers} servers**, which take {BOOT_SECONDS} s for an image, at the "
        f"prices above. An update takes {SHARE} of them at a time. Each look at the provider costs 3 "
        "transitions, and looks get rarer, up to one a minute: so a batch costs what its time costs."
    )
    section.table(
        ("stage", "write units", "read units", "transitions", "invocations", "$ per million"),
        [row(name, used, prices) for name, used in (*life.items(), ("**whole life**", whole))],
    )


def row(name: str, used: Consumption, prices: Prices) -> tuple[str, ...]:
    """A row of a table of stages."""
    return (
        name,
        f"{round(used.write_units, 2):g}",
        f"{round(used.read_units, 2):g}",
        f"{used.state_transitions:g}",
        f"{used.api_requests + used.task_invocations:g}",
        f"{used.usd(prices) * 1e6:,.2f}",
    )


def _outside(world: World) -> World:
    """Put the host provider outside of the world's tables."""
    world.services = replace(world.services, provider=StubbornRegion(world.clock, world.behaviour))
    return world


def _request(reservation_id: str, count: int) -> PlacementRequest:
    strategy = UpdateStrategy(StrategyType.ROLLING_UPDATE, rolling_update=True, max_unavailable=SHARE)
    return wish(reservation_id, count, strategy=strategy)
