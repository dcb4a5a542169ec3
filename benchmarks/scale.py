"""Part 8: 10,000 racks, 1,000 claims a second and a million holders, computed from measured units."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import results
from benchmarks.contention.claimants import RACKS_PER_POD, SIZES, Crowd
from benchmarks.contention.service import TRANSACTION_SECONDS
from benchmarks.cost import POLLS_BY_CUSTOMER
from benchmarks.prices import Consumption, Prices
from benchmarks.report import Section
from gpu_capacity.dynamodb import keys
from gpu_capacity.reservations.create import create_reservation
from testkit.dynamodb.sizes import item_bytes
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.options import Options

RACKS: Final = 10_000
CLAIMS_PER_SECOND: Final = 1000
HOLDERS_ALIVE: Final = 1_000_000
PODS: Final = math.ceil(RACKS / RACKS_PER_POD)
OCCUPIED: Final = 0.8
CROWD: Final = 50
"""Claimants without pauses that together make about 1,000 claims a second over that many pods."""

DECISION: Final = "decisions/0002-pods-of-a-region-and-flavor-share-a-partition.md"
ORGANIZATIONS: Final = 1000
MONTH_SECONDS: Final = 30 * 24 * 3600
PATH: Final = Path(__file__).parent / "limits.json"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, and how much of it one claim per second uses, in the limit's unit."""

    name: str
    per_claim: float
    limit: float
    change: str

    @property
    def met_at(self) -> float:
        """Claims per second at which the limit is reached."""
        return self.limit / self.per_claim if self.per_claim else math.inf


@dataclass(frozen=True, slots=True)
class Load:
    """Cost of each accepted claim at this rate and occupancy.

    Args:
        pod_units: write units of pods, lost races included.
        record_units: write units of the record with its index entries, lost races included.
        release_units: write units of the pod at release.
        rereads: snapshots read because a race was lost.
        accepted_per_second: the rate of the measurement.
        wasted: claims sent and refused per accepted one.
    """

    pod_units: float
    record_units: float
    release_units: float
    rereads: float
    accepted_per_second: float
    wasted: float

    def lost_units(self, cost: Mapping[str, float]) -> float:
        """Write units of the record that lost races add, per accepted claim."""
        return self.record_units - cost["claim.record"]


def load_at_rate(options: Options) -> Load:
    """Measure in virtual time, over the same number of pods, most of whose racks are owned."""
    claimants, pods = options.sized((CROWD, PODS), (5, 14))
    seconds = options.sized(1.0, 0.2)
    crowd = Crowd(claimants, pods, transaction=False, seconds=seconds, held=2, occupied=OCCUPIED)
    tally, service = crowd.run()
    first_snapshots = 1  # of the world itself, before the crowd starts
    return Load(
        service.claim_units[INVENTORY] / tally.accepted_in_all,
        service.claim_units[HOLDERS] / tally.accepted_in_all,
        service.release_units / service.releases,
        (service.tables.requests["query"] - 2 * first_snapshots) / tally.accepted_in_all,
        tally.accepted_per_second,
        tally.wasted_per_accepted,
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in bytes of items that grow with the region."""

    record: int
    full_pod: int
    shape: int

    def snapshot_read_units(self, pods: int) -> int:
        """Read units of one strongly consistent query of all pods' ownership."""
        return math.ceil(pods * self.full_pod / 4096)


def sizes() -> Sizes:
    """Measure a record, and the items of a pod whose racks are all owned in runs of 1, 2 and 4."""
    world = World(pods=(pod("pod1", RACKS_PER_POD, hosts=18),))
    free, made = RACKS_PER_POD, None
    for size in itertools.cycle(SIZES):
        if not free:
            break
        made = create_reservation(world.services, caller(), request(min(size, free))).reservation
        free -= made.count
    assert made is not None

    def stored(table: str, key: keys.Key) -> int:
        return item_bytes(world.db.get_item(TableName=table, Key=key)["Item"])

    return Sizes(
        stored(HOLDERS, keys.reservation(ORGANIZATION, made.id)),
        stored(INVENTORY, keys.owners(REGION, GB300.id, "pod1")),
        stored(INVENTORY, keys.shape(REGION, GB300.id, "pod1")),
    )


def dynamodb_limits(
    cost: Mapping[str, float], load: Load, size: Sizes, published: Mapping[str, Any]
) -> list[Limit]:
    """Return the limits of DynamoDB that depend on claims, sorted by the rate at which they are reached."""
    partition, reads = (published[f"partition_{kind}_units_per_second"] for kind in ("write", "read"))
    pods_units = load.pod_units + load.release_units
    record_units = cost["life.holders"] + load.lost_units(cost)
    snapshot = load.rereads * size.snapshot_read_units(PODS)
    held_seconds = TRANSACTION_SECONDS[0] / 2
    shards, indexes = keys.UNSETTLED_SHARDS, cost["life.unsettled"] + cost["life.held"]
    limits = [
        Limit(
            "write units of the partition with all pods of a region and flavor",
            pods_units,
            partition,
            f"a shard in its key ([decision 2]({DECISION})); DynamoDB itself splits a collection that stays "
            "hot by sort key",
        ),
        Limit(
            "read units of the same partition (snapshots, where races are lost)",
            snapshot,
            reads,
            "the same shard: a claim that lost reads only the shard it then tries",
        ),
        Limit("write units of one pod", pods_units / PODS, partition, "smaller pods"),
        Limit(
            f"write units of a shard of the index of unsettled records ({shards} shards)",
            cost["life.unsettled"] / shards,
            partition,
            "more shards",
        ),
        Limit(
            f"write units of a shard of a region in the index of all holders ({keys.HELD_SHARDS} shards)",
            cost["life.held"] / keys.HELD_SHARDS,
            partition,
            "more shards",
        ),
        Limit(
            "write units of a holders table that is new and has not grown yet",
            record_units + indexes,
            published["new_table_write_units_per_second"],
            "a warm throughput, set before the first customer comes",
        ),
        Limit(
            "write units of the holders table, with its indexes",
            record_units + indexes,
            published["table_write_units_per_second"],
            "a higher quota, on request",
        ),
        Limit(
            f"write units of an organization's partition ({ORGANIZATIONS:,} organizations alike)",
            record_units / ORGANIZATIONS,
            partition,
            "DynamoDB's own split; or a shard in the key and as many queries for a list",
        ),
        Limit(
            f"transactions on an organization's quota ({ORGANIZATIONS:,} organizations alike)",
            2 * held_seconds / ORGANIZATIONS,
            1.0,
            "a limit divided over several items, each with a part of it",
        ),
    ]
    return sorted(limits, key=lambda each: each.met_at)


def other_limits(cost: Mapping[str, float], published: Mapping[str, Any], prices: Prices) -> list[Limit]:
    """Return default quotas of other services, sorted by the rate at which they are reached."""
    requests = cost["life.api"] + POLLS_BY_CUSTOMER
    busy = requests * prices.api_function_seconds + cost["life.tasks"] * prices.task_function_seconds
    limits = [
        Limit(
            "Step Functions: executions started a second",
            cost["life.executions"],
            published["execution_starts_per_second"],
            "a higher quota, or a queue that one execution empties",
        ),
        Limit(
            "Step Functions: state transitions a second",
            cost["life.transitions"],
            published["state_transitions_per_second"],
            "a higher quota, or a longer `PollSeconds`",
        ),
        Limit(
            "Lambda: invocations at once", busy, published["lambda_concurrent"], "a higher quota; fewer polls"
        ),
        Limit(
            "API Gateway: requests a second",
            requests,
            published["api_requests_per_second"],
            "a higher quota; fewer polls",
        ),
    ]
    return sorted(limits, key=lambda each: each.met_at)


def measure(options: Options) -> Section:
    """Compute from the saved results of the part on cost."""
    section = Section("Scale on paper")
    saved = results.load(options.plots, "cost")
    if saved is None:
        section.not_measured("it computes with the results of the part `cost`, run that first")
        return section
    cost, load, size = saved.section.values, load_at_rate(options), sizes()
    prices, published = Prices.read(), json.loads(PATH.read_text())
    section.text(
        f"{RACKS:,} racks in {PODS} pods of {RACKS_PER_POD}, {OCCUPIED:.0%} of them owned; "
        f"{CLAIMS_PER_SECOND:,} reservations a second, all for one region and flavor, and as many given "
        f"back; {HOLDERS_ALIVE:,} holders, so one lives {HOLDERS_ALIVE / CLAIMS_PER_SECOND:,.0f} s on "
        "average (so many own parts of racks, or wait; storage is computed with a reservation's record). "
        "Units and transitions are those of the part on cost. Lost races are measured in virtual "
        f"time over as many pods, {options.sized(CROWD, 5)} claimants without a pause: "
        f"{load.accepted_per_second:,.0f} claims/s, {load.wasted:.2f} sent in vain for each that stood, "
        f"{load.pod_units + load.record_units:.1f} write units a claim; a pod that full has bookings of more "
        f"than 1 KB, so a write of it costs up to 2 units, and a release {load.release_units:.1f}."
    )
    database = dynamodb_limits(cost, load, size, published)
    others = other_limits(cost, published, prices)
    _figures(section, database, others, load)
    section.text("DynamoDB, the limit that is met first on top:")
    section.table(*_table(database))
    section.text(
        f"The first is met at {database[0].met_at:,.0f} claims/s. {_after_the_change(load, published)} "
        "Default quotas of other services are met about as soon, and all of them are raised on request "
        f"(`benchmarks/limits.json`, {published['date']}):"
    )
    section.table(*_table(others))
    section.text(_one_organization(cost, load, published))
    section.text("What it costs:")
    head, rows = _bill(cost, load, size, prices)
    section.table(head, rows)
    section.figure(f"$ a month at {CLAIMS_PER_SECOND:,} reservations a second, without storage", rows[-2][2])
    return section


def _figures(section: Section, database: Sequence[Limit], others: Sequence[Limit], load: Load) -> None:
    for what, first in (("limit of DynamoDB", database[0]), ("default quota of other services", others[0])):
        section.figure(f"first {what}: {first.name}", f"met at {first.met_at:,.0f} claims/s")
    section.figure("claims sent in vain for one that stood, at that scale", f"{load.wasted:.2f}", detail=True)


def _after_the_change(load: Load, published: Mapping[str, Any]) -> str:
    units = load.pod_units + load.release_units
    needed = units * CLAIMS_PER_SECOND / published["partition_write_units_per_second"]
    shards = 2 ** math.ceil(math.log2(2 * needed))
    return (
        f"With {shards} shards (twice what {CLAIMS_PER_SECOND:,} claims/s ask for, as a power of two) it is "
        f"met at {shards * published['partition_write_units_per_second'] / units:,.0f}; a snapshot is then "
        f"{shards} queries side by side, and a pod stays in one shard, so no write changes."
    )


def _one_organization(cost: Mapping[str, float], load: Load, published: Mapping[str, Any]) -> str:
    records = cost["life.holders"] + load.lost_units(cost)
    partition = published["partition_write_units_per_second"]
    return (
        f"An organization's records stand in one partition, so it alone may make {partition / records:,.0f} "
        f"reservations a second, and {1 / TRANSACTION_SECONDS[0]:,.0f} where it has a quota, because claims "
        "and releases that count on one item exclude each other for half of a transaction. More for one "
        "organization takes the changes that the table names for both."
    )


def _table(limits: Sequence[Limit]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    head = ("limit", f"asked for at {CLAIMS_PER_SECOND:,} claims/s", "limit", "met at claims/s", "lifted by")
    return head, [
        (
            each.name,
            f"{each.per_claim * CLAIMS_PER_SECOND:,.3g}"
            if each.limit == 1
            else f"{each.per_claim * CLAIMS_PER_SECOND:,.0f}",
            f"{each.limit:,.0f}",
            f"{each.met_at:,.0f}",
            each.change,
        )
        for each in limits
    ]


def _bill(
    cost: Mapping[str, float], load: Load, size: Sizes, prices: Prices
) -> tuple[Sequence[str], list[tuple[str, str, str]]]:
    writes = cost["life.inventory"] + cost["life.holders"] + cost["life.unsettled"] + cost["life.held"]
    polls = POLLS_BY_CUSTOMER
    used = {
        "DynamoDB, claims that stood and their later writes": Consumption(write_units=writes),
        "DynamoDB, lost races and pods of more than 1 KB": Consumption(
            write_units=load.pod_units + load.release_units - cost["life.inventory"] + load.lost_units(cost),
            read_units=load.rereads * size.snapshot_read_units(PODS),
        ),
        "DynamoDB, other reads of the life": Consumption(read_units=cost["life.reads"]),
        f"DynamoDB, {polls} GETs": Consumption(read_units=polls * cost["get.reads"]),
        "Step Functions": Consumption(state_transitions=cost["life.transitions"]),
        "Lambda, workflow tasks": Consumption(task_invocations=cost["life.tasks"]),
        "API Gateway and Lambda, requests": Consumption(api_requests=cost["life.api"] + polls),
    }
    rows = [_line(name, each.usd(prices)) for name, each in used.items()]
    rows.append(_line("**all of it**", sum(each.usd(prices) for each in used.values())))
    stored = (HOLDERS_ALIVE * size.record + PODS * (size.full_pod + size.shape)) / 1e9
    storage = stored * prices.storage_gb_month
    rows.append((f"storage of {stored:.2f} GB of records and pods", "—", f"{storage:,.2f}"))
    return ("what", "$ per million reservations", f"$ a month at {CLAIMS_PER_SECOND:,}/s"), rows


def _line(name: str, usd: float) -> tuple[str, str, str]:
    return name, f"{usd * 1e6:,.2f}", f"{usd * CLAIMS_PER_SECOND * MONTH_SECONDS:,.0f}"
