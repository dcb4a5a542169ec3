"""Measures the cost of an accepted claim: without rivals, and under contention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contention import alone
from benchmarks.contention.claimants import Crowd
from benchmarks.contention.runs import run_with_seeds
from benchmarks.metering import WriteMeter
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import complete_deprovisioning
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, World, caller, pod, request

if TYPE_CHECKING:
    from benchmarks.options import Options

RACKS: Final = 72
CROWD: Final = (20, 80)
"""Claimants and pods of the contended measurement: room for the largest size, but with rivals."""


@dataclass(frozen=True, slots=True)
class ClaimCost:
    """Write units (read units for ``reads_*``) of accepting ``units`` units.

    Args:
        own: the conditional update of the pod.
        record: both writes of the record, without its index entries.
        index_entries: its entries in the two indexes.
        with_quota: everything, if the organization has a quota.
        lost_race: added by each lost race.
        release: pod and record with its index entries, when the servers are gone.
        release_with_quota: the same if the reservation was counted in a quota.
        reads_warm: read units of an environment that has served a request before.
        reads_cold: read units of a new environment.
        round_trips: consecutive answers that a warm environment waits for.
        round_trips_with_quota: the same if the organization has a quota.
    """

    units: int
    own: float
    record: float
    index_entries: float
    with_quota: float
    lost_race: float
    release: float
    release_with_quota: float
    reads_warm: float
    reads_cold: float
    round_trips: float
    round_trips_with_quota: float

    @property
    def accepted(self) -> float:
        """All write units of a claim that succeeds at the first attempt."""
        return self.own + self.record + self.index_entries


@dataclass(frozen=True, slots=True)
class Contended:
    """Means over accepted claims under contention, lost races and conflicts included.

    Args:
        write_units: per accepted claim, index entries included.
        read_units: per accepted claim.
        sent: claims sent per accepted one, itself included.
        snapshots: snapshots read per accepted claim.
        snapshot_units: read units of one snapshot of all pods.
    """

    write_units: float
    read_units: float
    sent: float
    snapshots: float
    snapshot_units: float

    @property
    def write_units_of_one_sent(self) -> float:
        """All sent claims: accepted, refused and conflicting ones."""
        return self.write_units / self.sent


def claim_cost(units: int) -> ClaimCost:
    """Measure on a pod of 72 racks."""
    written, cold = _accepted(units, quota=False)
    counted, _ = _accepted(units, quota=True)
    return ClaimCost(
        units,
        own=written.units[INVENTORY],
        record=written.units[HOLDERS],
        index_entries=written.units[keys.UNSETTLED_INDEX] + written.units[keys.HELD_INDEX],
        with_quota=counted.total(),
        lost_race=_lost_race(units),
        release=_release(units, quota=False),
        release_with_quota=_release(units, quota=True),
        reads_warm=_warm_reads(units),
        reads_cold=cold,
        round_trips=alone.round_trips(units),
        round_trips_with_quota=alone.round_trips(units, quota=True),
    )


def contended_cost(units: int, options: Options) -> Contended:
    """Measure every size with the same claimants, in virtual time."""
    claimants, pods = options.sized(CROWD, (4, 16))
    seconds, seeds = options.sized((1.0, 2), (0.2, 1))
    crowd = Crowd(claimants, pods, transaction=False, seconds=seconds, sizes=(units,), held=1)
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
    """Return (write units by table, read units) of a new environment's first claim."""
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


def _lost_race(units: int) -> float:
    """Measure the cost of a lost race: a rival had all domains, and has released them."""
    world = _pod_of_racks()
    rivals: list[float] = []

    def a_rival(_operation: str, parameters: dict[str, Any]) -> None:
        domains = map(keys.domain_attribute, range(RACKS))
        before = world.db.write_units
        world.db.update_item(
            TableName=INVENTORY,
            Key=parameters["Key"],
            UpdateExpression="SET " + ", ".join(f"{domain} = :stamp" for domain in domains),
            ExpressionAttributeValues={":stamp": encode_value(b"rival!")},
        )
        rivals.append(world.db.write_units - before)

    undisturbed, before = _accepted(units, quota=False)[0].total(), world.db.write_units
    world.db.before("update_item", a_rival)
    create_reservation(world.services, caller(), request(units))
    return world.db.write_units - before - sum(rivals) - undisturbed


def _release(units: int, *, quota: bool) -> float:
    """Complete a deletion, when no host is held any more."""
    world = _pod_of_racks()
    if quota:
        world.set_quota(RACKS)
    made = create_reservation(world.services, caller(), request(units)).reservation
    delete_reservation(world.services, caller(), made.id, frozenset())
    deleted = world.services.reservations.get(ORGANIZATION, made.id)
    assert deleted is not None
    meter = WriteMeter(world.db)
    assert complete_deprovisioning(world.services, deleted) is Step.DONE
    return meter.total()
