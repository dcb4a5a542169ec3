"""Part 1: read and write units, and dollars, of an accepted claim and of its whole lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks import placement_cost
from benchmarks.claim_cost import CROWD, RACKS, ClaimCost, Contended, claim_cost, contended_cost
from benchmarks.contention import alone
from benchmarks.lifecycle import Life, customer_polls, reservation_life
from benchmarks.placement_cost import row
from benchmarks.prices import Consumption, Prices
from benchmarks.report import Section
from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.store import RIVALS_SECONDS
from testkit.world import HOLDERS, INVENTORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.options import Options

SIZES: Final = (1, 4, 18, 72)
POLLS_BY_CUSTOMER: Final = 60
"""GETs of one customer's client per reservation, an assumption: every 5 s for five minutes."""

LIFE_RACKS: Final = 4
"""One of ``SIZES``, so that its contended units are known."""

COUNTED_IN: Final = "failures counted in"

FLAT_MAX: Final = 1.25
"""Largest ratio, maximum to minimum, that counts as flat in N. One item per unit has 36.5 from 1 to 72."""

UNITS_MAX: Final = 5
ROUND_TRIPS_MAX: Final = 3
QUOTA_SECONDS_MAX: Final = 0.045
RELEASE_UNITS_MAX: Final = 4
LIFE_DOLLARS_MAX: Final = 700
"""Of a million reservations, from the request to the last trace."""


def one_item_per_unit(units: int) -> int:
    """Write units of a transaction with an item for each unit and the record: the reference."""
    return 2 * (units + 1)


def measure(options: Options) -> Section:
    """Measure units and dollars."""
    section = Section("Cost")
    costs = [claim_cost(units) for units in SIZES]
    _claims(section, costs)
    contended = {units: contended_cost(units, options) for units in SIZES}
    _under_contention(section, costs[0], contended, options)
    life = reservation_life(LIFE_RACKS, options.sized(18, 2))
    _dollars(section, costs[0], contended[LIFE_RACKS], life)
    placement_cost.show(section, options)
    whole = life.whole()
    section.values |= {
        "claim.record": costs[0].record + costs[0].index_entries,
        "life.inventory": life.units[INVENTORY],
        "life.holders": life.units[HOLDERS],
        "life.unsettled": life.units[keys.UNSETTLED_INDEX],
        "life.held": life.units[keys.HELD_INDEX],
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
        f"to moto and an emulator. One pod of {RACKS} racks, no rival. A claim puts its record, updates the "
        "pod by one conditional write, and puts the record again; the record enters the index of what is "
        "unsettled, and that of all holders. With a quota the first of the three is a transaction of record "
        "and count; without one the quota is read beside the second. A *lost race* is a refused update of "
        "the pod and the record with another run. A *release* is what is written when no host is held any "
        "more: the pod, and the record with its index entries."
    )
    sizes = ", ".join(str(cost.units) for cost in costs)
    section.figure(
        f"write units of an accepted claim, its record and index entries included, N = {sizes}",
        ", ".join(f"{cost.accepted:g}" for cost in costs),
        f"at most {UNITS_MAX}, flat in N",
        met=len({cost.accepted for cost in costs}) == 1 and costs[0].accepted <= UNITS_MAX,
    )
    section.figure(
        f"round trips of an accepted claim by a warm environment, N = {sizes}",
        ", ".join(f"{cost.round_trips:g}" for cost in costs),
        f"at most {ROUND_TRIPS_MAX}, flat in N",
        met=max(cost.round_trips for cost in costs) <= ROUND_TRIPS_MAX,
    )
    with_quota = alone.published_seconds(LIFE_RACKS, quota=True)
    section.figure(
        "the same with a quota, at the published median of each answer",
        f"{with_quota * 1000:.0f} ms",
        f"at most {QUOTA_SECONDS_MAX * 1000:.0f} ms",
        met=with_quota <= QUOTA_SECONDS_MAX,
    )
    section.figure(
        f"read units of a claim by a warm environment, N = {sizes}",
        ", ".join(f"{cost.reads_warm:g}" for cost in costs),
        "1 (the quota; the kept snapshot is enough), flat in N",
        met=all(cost.reads_warm == 1 for cost in costs),
    )
    section.figure(
        "write units of an accepted claim of 72 racks",
        f"{costs[-1].accepted:g}",
        f"{one_item_per_unit(RACKS)} (2(N+1), one item per unit)",
        met=costs[-1].accepted < one_item_per_unit(RACKS),
        detail=True,
    )
    section.figure(
        f"write units of a release, N = {sizes}",
        ", ".join(f"{cost.release:g}" for cost in costs),
        f"at most {RELEASE_UNITS_MAX}, flat in N",
        met=max(cost.release for cost in costs) <= RELEASE_UNITS_MAX,
    )
    head = (
        *("N", "pod", "record", "index entries", "with a quota: all", "each lost race", "release"),
        *("… with a quota", "reads, warm", "reads, cold", "round trips", "… with a quota"),
        "anchor: one item per unit",
    )
    rows = [
        (
            *(c.units, c.own, c.record, c.index_entries, c.with_quota, c.lost_race, c.release),
            *(c.release_with_quota, c.reads_warm, c.reads_cold, c.round_trips, c.round_trips_with_quota),
            one_item_per_unit(c.units),
        )
        for c in costs
    ]
    section.table(head, [[f"{value:g}" for value in row] for row in rows])
    _refusal(section)


def _refusal(section: Section) -> None:
    at_once = alone.refusal(since_seconds=alone.SINCE_LONG)
    looked_up = alone.refusal(since_seconds=0)
    section.figure(
        "write units of a refusal for lack of capacity",
        f"{at_once.write_units:g}",
        "0",
        met=at_once.write_units == looked_up.write_units == 0,
        detail=True,
    )
    section.figure(
        "round trips of a refusal for lack of capacity: the pods, and whether the region still offers it",
        f"{at_once.round_trips:g}",
        "2",
        met=at_once.round_trips <= 2,
        detail=True,
    )
    section.text(
        f"A refusal takes {at_once.round_trips:g} round trips and writes nothing. Where there were room "
        f"without what was booked in the last {alone.SINCE_LONG // 60} minutes it first looks up who is "
        f"claiming, as they may give it back: {looked_up.round_trips:g} round trips and "
        f"{looked_up.read_units:g} read units, here with one reservation of all {RACKS} racks."
    )


def _under_contention(
    section: Section, cost: ClaimCost, contended: Mapping[int, Contended], options: Options
) -> None:
    claimants, pods = options.sized(CROWD, (4, 16))
    sizes = ", ".join(map(str, contended))
    each = [c.write_units_of_one_sent for c in contended.values()]
    section.figure(
        f"failures counted in: write units per claim sent, N = {sizes}",
        ", ".join(f"{units:.2f}" for units in each),
        f"{cost.accepted:g} (the undisturbed count), at any N",
        met=max(each) <= cost.accepted,
        detail=True,
    )
    for what, of in (("write", _writes), ("read", _reads)):
        units = [of(c) for c in contended.values()]
        ratio = max(units) / min(units)
        section.figure(
            f"failures counted in: {what} units per accepted claim, N = {sizes}, greatest over least",
            f"{', '.join(f'{one:.2f}' for one in units)}: {ratio:.2f}",
            f"{FLAT_MAX} (flat in N)",
            met=ratio <= FLAT_MAX,
            why="A claim that lost a race reads a snapshot, which grows with the racks that are claimed.",
        )
    section.text(
        f"With failures counted in: {claimants} claimants over {pods} pods who all want N racks at once, "
        "as in the part on contention; lost races and their reads are billed to the claims that stood. "
        f"The first claim sent costs what the undisturbed one does, {cost.accepted:g}, and each further one "
        f"{cost.lost_race:g}, at any N: what N changes is how many are sent. "
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
    """Describe the read units of the table in text."""
    small, large = min(contended), max(contended)
    snapshot = contended[large].snapshot_units / contended[small].snapshot_units
    number = contended[large].snapshots / contended[small].snapshots
    return (
        f"Reads follow the racks that are claimed, not the request: a request that lost a race in the last "
        f"{RIVALS_SECONDS} s begins with a snapshot, one query that bills the bytes of all {pods} claims "
        "items. A booking has 16 of these, and a rack that was ever booked 8 or 9. From "
        f"N = {small} to {large} a snapshot costs {snapshot:.1f} times as much, because more racks are "
        f"claimed, and {number:.1f} times as many are read. Where no race was lost a warm environment reads "
        "nothing but the quota."
    )


def _writes(contended: Contended) -> float:
    return contended.write_units


def _reads(contended: Contended) -> float:
    return contended.read_units


def _dollars(section: Section, cost: ClaimCost, contended: Contended, life: Life) -> None:
    prices = Prices.read()
    units = cost.accepted
    section.text(
        f"**Dollars per million accepted reservations.** Prices of {prices.region}, {prices.date} "
        f"(`benchmarks/prices.json`). Assumed: {prices.api_function_seconds * 1000:.0f} ms of "
        f"{prices.function_gb:g} GB arm64 per invocation, {POLLS_BY_CUSTOMER} GETs by the customer's client. "
        f"{LIFE_RACKS} racks of {life.hosts} hosts; the hosts are held after 20 s, and each further look "
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
    section.table(head, [row(name, used, prices) for name, used in rows])
    what = "$ per million accepted reservations"
    claim = (crowded + request).usd(prices) * 1e6
    section.figure(f"{what}: claim path with API and function, {COUNTED_IN}", f"{claim:,.2f}", detail=True)
    whole = (life.whole() + polls + more).usd(prices) * 1e6
    section.figure(
        f"{what}: whole life, {POLLS_BY_CUSTOMER} GETs included, {COUNTED_IN}",
        f"{whole:,.2f}",
        f"at most {LIFE_DOLLARS_MAX}",
        met=whole <= LIFE_DOLLARS_MAX,
    )
    section.values["life.usd"] = (life.whole() + polls).usd(prices)
