"""Part 1: read and write units, and dollars, of an accepted claim and of its whole life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb.reservation_writes import ReservationWrites

from benchmarks.contention.claimants import Crowd
from benchmarks.contention.runs import run_with_seeds
from benchmarks.lifecycle import Life, customer_polls, reservation_life
from benchmarks.metering import REFUSED, WriteMeter
from benchmarks.prices import Consumption, Prices
from benchmarks.report import Section
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.services.create_reservation import create_reservation
from testkit.world import HOLDERS, INVENTORY, World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.options import Options

SIZES: Final = (1, 4, 18, 72)
RACKS: Final = 72
CROWD: Final = (20, 80)
"""Claimants and pods of the contended measurement: enough room for the largest size, and still rivals."""

POLLS_BY_CUSTOMER: Final = 60
"""GETs of one customer's client per reservation, an assumption: every 5 s for five minutes."""

LIFE_RACKS: Final = 4
"""One of ``SIZES``, so that its contended units are known."""

COUNTED_IN: Final = "failures counted in"

FLAT_MAX: Final = 1.25
"""The greatest over the least of what is called flat in N: one item per unit has 36.5 from 1 to 72."""


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
    """Means over the accepted claims of a crowd, lost races and conflicts counted in.

    Args:
        write_units: of an accepted claim, the index entry included.
        read_units: likewise.
        sent: claims sent for one that stood, itself included.
        snapshots: read for one that stood.
        snapshot_units: read units of one snapshot of all pods.
    """

    write_units: float
    read_units: float
    sent: float
    snapshots: float
    snapshot_units: float

    @property
    def write_units_of_one_sent(self) -> float:
        """Accepted, refused and conflicting ones alike."""
        return self.write_units / self.sent


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
    seconds, seeds = options.sized((1.0, 2), (0.2, 1))
    crowd = Crowd(claimants, pods, transaction=True, seconds=seconds, sizes=(units,), held=1)
    found = run_with_seeds(crowd, seeds)
    return Contended(
        write_units=found.mean(lambda run: run.claim_units),
        read_units=found.mean(lambda run: run.read_units),
        sent=found.mean(lambda run: run.sent),
        snapshots=found.mean(lambda run: run.snapshots),
        snapshot_units=found.mean(lambda run: run.snapshot_units),
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
    snapshot = world.environment().inventory.fresh_snapshot(reservation.region_id, reservation.flavor_id)
    assert reservation.placement is not None
    claim, *_ = writes.accept(reservation, 1, None, snapshot.basis_of(reservation.placement).stamps)
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
    contended = {units: contended_cost(units, options) for units in SIZES}
    _under_contention(section, costs[0], contended, options)
    life = reservation_life(LIFE_RACKS, options.sized(18, 2))
    _dollars(section, costs[0], contended[LIFE_RACKS], life)
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
        "read units of a claim by a warm environment, N = 1, 4, 18, 72",
        ", ".join(f"{cost.reads_warm:g}" for cost in costs),
        "0 (the kept snapshot is enough), flat in N",
        met=all(cost.reads_warm == 0 for cost in costs),
    )
    section.figure(
        "write units of an accepted claim of 72 racks",
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


def _under_contention(
    section: Section, cost: ClaimCost, contended: Mapping[int, Contended], options: Options
) -> None:
    claimants, pods = options.sized(CROWD, (4, 16))
    undisturbed = cost.transaction + cost.index_entry
    sizes = ", ".join(map(str, contended))
    each = [c.write_units_of_one_sent for c in contended.values()]
    section.figure(
        f"failures counted in: write units per claim sent, N = {sizes}",
        ", ".join(f"{units:.2f}" for units in each),
        f"{undisturbed:g} (the undisturbed count with its index entry), at any N",
        met=max(each) <= undisturbed,
    )
    for what, of in (("write", _writes), ("read", _reads)):
        units = [of(c) for c in contended.values()]
        ratio = max(units) / min(units)
        section.figure(
            f"failures counted in: {what} units per accepted claim, N = {sizes}, greatest over least",
            f"{', '.join(f'{one:.2f}' for one in units)}: {ratio:.2f}",
            f"{FLAT_MAX} (flat in N)",
            met=ratio <= FLAT_MAX,
        )
    section.text(
        f"With failures counted in: {claimants} claimants over {pods} pods who all want N racks at once, "
        "as in the part on contention; lost races, conflicts and their reads are billed to the claims that "
        f"stood. A claim sent costs what the undisturbed one does, {undisturbed:g}, or without the index "
        f"entry {cost.transaction:g} where it is refused, at any N: what N changes is how many are sent. "
        f"*Flat* is up to {FLAT_MAX} times the least; one item per unit has "
        f"{one_item_per_unit(SIZES[-1]) / one_item_per_unit(SIZES[0]):g} times as many at N = {SIZES[-1]} as "
        f"at {SIZES[0]}."
    )
    section.table(
        (
            *("N", "write units per accepted claim", "claims sent and refused", "read units"),
            *("snapshots read", "read units of a snapshot"),
        ),
        [
            (
                *(units, f"{c.write_units:.2f}", f"{c.sent - 1:.2f}", f"{c.read_units:.2f}"),
                *(f"{c.snapshots:.2f}", f"{c.snapshot_units:.2f}"),
            )
            for units, c in contended.items()
        ],
    )
    section.text(_why_reads_grow(contended, pods))


def _why_reads_grow(contended: Mapping[int, Contended], pods: int) -> str:
    """What the table says of reads, in words."""
    small, large = min(contended), max(contended)
    snapshot = contended[large].snapshot_units / contended[small].snapshot_units
    number = contended[large].snapshots / contended[small].snapshots
    return (
        f"Reads follow the racks that are claimed, not the request: a lost race reads a snapshot, one query "
        f"that bills the bytes of all {pods} claims items, and a claimed rack has 11 to 12 of these. From "
        f"N = {small} to {large} a snapshot costs {snapshot:.1f} times as much, because more racks are "
        f"claimed, and {number:.1f} times as many are read. A region that is as full with small "
        "claims costs the same. Without a lost race a warm environment reads nothing."
    )


def _writes(contended: Contended) -> float:
    return contended.write_units


def _reads(contended: Contended) -> float:
    return contended.read_units


def _dollars(section: Section, cost: ClaimCost, contended: Contended, life: Life) -> None:
    prices = Prices.read()
    units = cost.transaction + cost.index_entry
    section.text(
        f"**Dollars per million accepted reservations.** Prices of {prices.region}, {prices.date} "
        f"(`benchmarks/prices.json`). Assumed: {prices.api_function_seconds * 1000:.0f} ms of "
        f"{prices.function_gb:g} GB arm64 per invocation, {POLLS_BY_CUSTOMER} GETs by the customer's client. "
        f"{LIFE_RACKS} racks of {life.hosts} hosts; the servers are up after 20 s, and each further look "
        f"costs 3 transitions. The simulated region's own table, logs, traces and storage are left out. "
        f"*Failures counted in* has the units of the contended claims of {LIFE_RACKS} racks above, lost "
        "races, conflicts and reads included, in place of the undisturbed ones."
    )
    request, database = Consumption(api_requests=1), Consumption(write_units=units)
    crowded = Consumption(write_units=contended.write_units, read_units=contended.read_units)
    more = Consumption(write_units=contended.write_units - units, read_units=contended.read_units)
    rows = [
        ("claim path, database only", database),
        (f"claim path, database only, {COUNTED_IN}", crowded),
        ("claim path, with API and function", database + request),
        (f"claim path, with API and function, {COUNTED_IN}", crowded + request),
    ]
    rows += list(life.stages.items())
    polls = customer_polls(POLLS_BY_CUSTOMER)
    rows += [(f"{POLLS_BY_CUSTOMER} GETs", polls), ("**whole life**", life.whole() + polls)]
    rows.append((f"**whole life**, {COUNTED_IN}", life.whole() + polls + more))
    head = ("stage", "write units", "read units", "transitions", "invocations", "$ per million")
    section.table(head, [_row(name, used, prices) for name, used in rows])
    section.values["life.usd"] = (life.whole() + polls).usd(prices)


def _row(name: str, used: Consumption, prices: Prices) -> tuple[str, ...]:
    return (
        name,
        f"{round(used.write_units, 2):g}",
        f"{round(used.read_units, 2):g}",
        f"{used.state_transitions:g}",
        f"{used.api_requests + used.task_invocations:g}",
        f"{used.usd(prices) * 1e6:,.2f}",
    )
