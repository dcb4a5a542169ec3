"""Part 1: read and write units, and dollars, of an accepted claim and of its whole life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contention.claimants import Crowd
from benchmarks.lifecycle import Life, customer_polls, reservation_life
from benchmarks.metering import REFUSED, WriteMeter
from benchmarks.prices import Consumption, Prices
from benchmarks.report import Section
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.reservation_writes import ReservationWrites
from gpu_capacity.services.create_reservation import create_reservation
from tests.support.world import HOLDERS, INVENTORY, World, caller, pod, request

if TYPE_CHECKING:
    from benchmarks.options import Options

SIZES: Final = (1, 4, 18, 72)
RACKS: Final = 72
CROWD: Final = (20, 80)
"""Claimants and pods of the contended measurement: enough room for the largest size, and still rivals."""

POLLS_BY_CUSTOMER: Final = 60
"""GETs of one customer's client per reservation, an assumption: every 5 s for five minutes."""

LIFE_RACKS: Final = 4


def one_item_per_unit(units: int) -> int:
    """Write units of a transaction with an item for each unit and the record: the anchor."""
    return 2 * (units + 1)


@dataclass(frozen=True, slots=True)
class ClaimCost:
    """Write units (and read units where it says so) of accepting ``units`` units.

    Args:
        alone: the conditional update of the pod by itself, without any record.
        transaction: claim and record, as the product writes them; the index entry not counted.
        index_entry: that entry.
        with_quota: claim, record and count.
        refused: the transaction when a rival was faster.
        reads_warm: read units of an environment that has served a request before.
        reads_cold: read units of a new environment.
    """

    units: int
    alone: float
    transaction: float
    index_entry: float
    with_quota: float
    refused: float
    reads_warm: float
    reads_cold: float


@dataclass(frozen=True, slots=True)
class Contended:
    """Means over the accepted claims of a crowd, lost races and conflicts counted in."""

    write_units: float
    read_units: float
    wasted: float


def claim_cost(units: int) -> ClaimCost:
    """Measured on a pod of 72 racks."""
    written, cold = _accepted(units, quota=False)
    counted, _ = _accepted(units, quota=True)
    return ClaimCost(
        units,
        alone=_alone(units),
        transaction=written.units[INVENTORY] + written.units[HOLDERS],
        index_entry=written.units[keys.UNSETTLED_INDEX],
        with_quota=counted.units[INVENTORY] + counted.units[HOLDERS],
        refused=_refused(units),
        reads_warm=_warm_reads(units),
        reads_cold=cold,
    )


def contended_cost(units: int, options: Options) -> Contended:
    """Every size under the same crowd, in virtual time."""
    claimants, pods = options.sized(CROWD, (4, 16))
    seconds = options.sized(0.6, 0.2)
    crowd = Crowd(claimants, pods, transaction=True, seconds=seconds, sizes=(units,), held=1)
    tally, service = crowd.run()
    return Contended(
        service.claim_units / tally.accepted_in_all,
        service.tables.read_units / tally.accepted_in_all,
        tally.wasted_per_accepted,
    )


def _pod_of_racks() -> World:
    return World(pods=(pod("pod1", RACKS, hosts=1),))


def _accepted(units: int, *, quota: bool) -> tuple[WriteMeter, float]:
    """(write units by table, read units) of a new environment's first claim."""
    world = _pod_of_racks()
    if quota:
        world.set_quota(RACKS)
    meter, reads = WriteMeter(world.db), world.db.read_units
    create_reservation(world.environment(), caller(), request(units))
    return meter, world.db.read_units - reads


def _warm_reads(units: int) -> float:
    world = World(pods=(pod("pod1", RACKS + 1, hosts=1),))
    create_reservation(world.services, caller(), request(1))
    reads = world.db.read_units
    create_reservation(world.services, caller(), request(units))
    return world.db.read_units - reads


def _alone(units: int) -> float:
    """The claim's own update, sent by itself."""
    world = _pod_of_racks()
    reservation = create_reservation(world.services, caller(), request(units)).reservation
    writes = ReservationWrites(INVENTORY, HOLDERS)
    database = Database(world.db)
    release, *_ = writes.remove(reservation, 0)
    assert isinstance(database.commit(release), Committed)
    meter = WriteMeter(world.db)
    claim, *_ = writes.accept(reservation, 1, None)
    assert isinstance(database.commit(claim), Committed)
    return meter.total()


def _refused(units: int) -> float:
    """A lost race: nothing is written, and it is billed."""
    world = _pod_of_racks()
    reservation = create_reservation(world.services, caller(), request(units)).reservation
    meter = WriteMeter(world.db)
    Database(world.db).commit(*ReservationWrites(INVENTORY, HOLDERS).accept(reservation, 1, None))
    assert set(meter.units) == {REFUSED}, "the domains were claimed twice"
    return meter.total()


def measure(options: Options) -> Section:
    """Tables of units and of dollars."""
    section = Section("Cost")
    costs = [claim_cost(units) for units in SIZES]
    _claims(section, costs)
    _under_contention(section, options)
    life = reservation_life(LIFE_RACKS, options.sized(18, 2))
    _dollars(section, costs[0], life)
    whole = life.whole()
    section.values |= {
        "claim": costs[0].transaction + costs[0].index_entry,
        "life.inventory": life.units[INVENTORY],
        "life.holders": life.units[HOLDERS],
        "life.index": life.units[keys.UNSETTLED_INDEX],
        "life.reads": whole.read_units,
        "life.transitions": whole.state_transitions,
        "life.tasks": whole.task_invocations,
        "life.api": whole.api_requests,
        "life.executions": float(life.executions),
        "get.reads": customer_polls(1).read_units,
    }
    return section


def _claims(section: Section, costs: list[ClaimCost]) -> None:
    section.text(
        "Units are what the tests' in-memory DynamoDB reports as `ConsumedCapacity`; contract tests hold it "
        f"to moto and an emulator. One pod of {RACKS} racks, no rival."
    )
    section.figure(
        "write units of a claim without a record, N = 1, 4, 18, 72",
        ", ".join(f"{cost.alone:g}" for cost in costs),
        "1, flat in N",
        met=all(cost.alone == 1 for cost in costs),
    )
    section.figure(
        "write units of an accepted claim with its record, N = 1, 4, 18, 72",
        ", ".join(f"{cost.transaction:g}" for cost in costs),
        "4 (a two-item transaction), flat in N",
        met=all(cost.transaction == 4 for cost in costs),
    )
    section.figure(
        "the same of 72 racks",
        f"{costs[-1].transaction:g}",
        f"{one_item_per_unit(RACKS)} (2(N+1), one item per unit)",
        met=costs[-1].transaction < one_item_per_unit(RACKS),
    )
    head = (
        *("N", "claim alone", "claim and record", "index entry", "with a quota", "lost race"),
        *("reads, warm", "reads, cold", "anchor: one item per unit"),
    )
    rows = [
        (
            *(c.units, c.alone, c.transaction, c.index_entry, c.with_quota, c.refused),
            *(c.reads_warm, c.reads_cold, one_item_per_unit(c.units)),
        )
        for c in costs
    ]
    section.table(head, [[f"{value:g}" for value in row] for row in rows])


def _under_contention(section: Section, options: Options) -> None:
    claimants, pods = options.sized(CROWD, (4, 16))
    section.text(
        f"With failures counted in: {claimants} claimants over {pods} pods who all want N racks at once, "
        "as in the part on contention; lost races, conflicts and their reads are billed to the claims that "
        "stood."
    )
    contended = {units: contended_cost(units, options) for units in SIZES}
    section.table(
        ("N", "write units per accepted claim", "read units", "claims sent and refused"),
        [
            (units, f"{c.write_units:.2f}", f"{c.read_units:.2f}", f"{c.wasted:.2f}")
            for units, c in contended.items()
        ],
    )


def _dollars(section: Section, cost: ClaimCost, life: Life) -> None:
    prices = Prices.read()
    units = cost.transaction + cost.index_entry
    section.text(
        f"**Dollars per million accepted reservations.** Prices of {prices.region}, {prices.date} "
        f"(`benchmarks/prices.json`). Assumed: {prices.api_function_seconds * 1000:.0f} ms of "
        f"{prices.function_gb:g} GB arm64 per invocation, {POLLS_BY_CUSTOMER} GETs by the customer's client. "
        f"{LIFE_RACKS} racks of {life.hosts} hosts; the servers are up after 20 s, and each further look "
        f"costs 3 transitions. The simulated region's own table, logs, traces and storage are left out."
    )
    claim, database = Consumption(write_units=units, api_requests=1), Consumption(write_units=units)
    rows = [("claim path, database only", database), ("claim path, with API and function", claim)]
    rows += list(life.stages.items())
    polls = customer_polls(POLLS_BY_CUSTOMER)
    rows += [(f"{POLLS_BY_CUSTOMER} GETs", polls), ("**whole life**", life.whole() + polls)]
    head = ("stage", "write units", "read units", "transitions", "invocations", "$ per million")
    section.table(head, [_row(name, used, prices) for name, used in rows])
    section.values["life.usd"] = (life.whole() + polls).usd(prices)


def _row(name: str, used: Consumption, prices: Prices) -> tuple[str, ...]:
    return (
        name,
        f"{used.write_units:g}",
        f"{used.read_units:g}",
        f"{used.state_transitions:g}",
        f"{used.api_requests + used.task_invocations:g}",
        f"{used.usd(prices) * 1e6:,.2f}",
    )
