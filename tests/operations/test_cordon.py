"""Cordons of operators: nothing new there, whatever the fleet document says and whoever writes meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import InvalidRequest, NotFound, StorageUnavailable, UnreadableItem
from gpu_capacity.inventory.cordons import Cordon, Target
from gpu_capacity.operations.cordon import Cordoner
from gpu_capacity.operations.cordoning import ATTEMPTS_MAX, CordonChange
from gpu_capacity.operations.reasons import REASON_BYTES_MAX
from testkit.doubles import AuditLine
from testkit.dynamodb.faults import transaction_conflict
from testkit.fleet.documents import document, pod, region
from testkit.fleet.world import FleetWorld
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import DomainShape

RACK = Target(pod_id="p1", domain_id="p1-r2")


@pytest.fixture
def world() -> FleetWorld:
    made = FleetWorld()
    made.sync(document(1))
    return made


def cordoner(world: FleetWorld, by: str = "operator:me") -> Cordoner:
    return Cordoner(world.store, world.telemetry, world.pause, world.clock, by)


def cordon(world: FleetWorld, target: Target = RACK, reason: str = "leaks") -> CordonChange:
    return cordoner(world).cordon("r1", target, reason)


def uncordon(world: FleetWorld, target: Target = RACK) -> CordonChange:
    return cordoner(world).uncordon("r1", target)


def record(world: FleetWorld, target: Target) -> None:
    """What is left of a cordon if the command dies before it writes a pod."""
    before = world.store.cordons("r1")
    world.store.write_cordons(before, before.with_cordon(Cordon(target, "leaks", 1, "operator:me")))


def shapes(world: FleetWorld, pod_id: str = "p1") -> tuple[DomainShape, ...]:
    shape = world.pod(pod_id).shape
    assert shape is not None
    return shape.domains


def cordoned(world: FleetWorld, pod_id: str = "p1") -> list[int]:
    return [domain.position for domain in shapes(world, pod_id) if domain.cordoned]


def test_a_cordon_says_what_why_when_and_who(world: FleetWorld) -> None:
    change = cordon(world)

    assert change.pods_written == 1
    (found,) = change.cordons.entries
    assert (found.target, found.reason, found.since, found.by) == (
        RACK,
        "leaks",
        world.clock.now(),
        "operator:me",
    )
    assert world.store.cordons("r1") == change.cordons
    assert cordoned(world) == [2]
    line = AuditLine("operator:me", "cordon", "r1: domain p1/p1-r2", "set", {"reason": "leaks"})
    assert world.telemetry.audits[-1] == line


def test_what_was_decided_without_the_cordon_is_refused(world: FleetWorld) -> None:
    decided_on = world.pod("p1").pod.version
    cordon(world)
    assert not world.hold("p1", 2, version=decided_on)


def test_who_holds_cordoned_hardware_keeps_it(world: FleetWorld) -> None:
    assert world.hold("p1", 2)
    cordon(world)
    assert world.pod("p1").held == {2}
    assert shapes(world)[2].in_service == 3


@pytest.mark.parametrize(
    ("target", "first", "second"),
    [
        (Target(), [0, 1, 2, 3], [0, 1, 2, 3]),
        (Target(pod_id="p2"), [], [0, 1, 2, 3]),
        (RACK, [2], []),
    ],
    ids=str,
)
def test_pods_with_the_target_are_written(
    world: FleetWorld, target: Target, first: list[int], second: list[int]
) -> None:
    change = cordon(world, target)
    assert (cordoned(world, "p1"), cordoned(world, "p2")) == (first, second)
    assert change.pods_written == bool(first) + bool(second)

    assert uncordon(world, target).pods_written == change.pods_written
    assert (cordoned(world, "p1"), cordoned(world, "p2")) == ([], [])


def test_a_host_is_out_of_sale_and_its_rack_no_unit(world: FleetWorld) -> None:
    cordon(world, Target(host_id="p1-r2-h1"))
    assert (shapes(world)[2].usable, shapes(world)[2].complete) == (0b101, False)
    uncordon(world, Target(host_id="p1-r2-h1"))
    assert (shapes(world)[2].usable, shapes(world)[2].complete) == (0b111, True)


def test_a_sync_keeps_the_cordon(world: FleetWorld) -> None:
    cordon(world)
    world.sync(document(2))
    world.sync(document(3, [region(pods=[pod("p1"), pod("p2"), pod("p3")])]))
    assert cordoned(world) == [2]
    uncordon(world)
    assert cordoned(world) == []


def test_a_new_pod_of_a_cordoned_region_is_cordoned(world: FleetWorld) -> None:
    cordon(world, Target())
    world.sync(document(2, [region(pods=[pod("p1"), pod("p2"), pod("p3", racks=2)])]))
    assert cordoned(world, "p3") == [0, 1]


def test_a_cordon_of_the_document_stays_when_the_one_of_an_operator_is_lifted(world: FleetWorld) -> None:
    documented = document(2)
    documented["regions"][0]["pods"][0]["domains"][2]["cordoned"] = True
    world.sync(documented)
    assert cordon(world).pods_written == 0
    uncordon(world)
    assert cordoned(world) == [2]


def test_a_sync_that_read_before_the_cordon_decides_again(world: FleetWorld) -> None:
    """Its write is refused, as the pod's shape was decided without the cordon, also that of a new pod."""
    changed = document(2, [region(pods=[pod("p1", racks=5), pod("p2"), pod("p3")])])

    def operator_is_faster(_operation: str, _parameters: Any) -> None:
        record(world, Target(pod_id="p3"))
        record(world, RACK)

    world.db.before("transact_write_items", operator_is_faster, times=1)
    world.sync(changed, max_drop_hosts=100)
    assert (cordoned(world, "p1"), cordoned(world, "p3")) == ([2], [0, 1, 2, 3])


def test_a_cordon_whose_command_died_is_applied_by_the_next_sync(world: FleetWorld) -> None:
    record(world, RACK)
    assert cordoned(world) == []
    world.sync(document(1))
    assert cordoned(world) == [2]


def test_a_repeat_changes_nothing_and_finishes_what_was_left(world: FleetWorld) -> None:
    record(world, RACK)
    change = cordon(world)
    assert (change.cordons.revision, change.pods_written, cordoned(world)) == (1, 1, [2])
    assert cordon(world).pods_written == 0
    assert cordon(world, reason="leaks badly").cordons.revision == 2
    (found,) = world.store.cordons("r1").entries
    assert found.reason == "leaks badly"


def test_a_sync_that_writes_the_pod_first_is_no_problem(world: FleetWorld) -> None:
    larger = document(2, [region(pods=[pod("p1", racks=5), pod("p2")])])

    def sync_is_faster(_operation: str, _parameters: Any) -> None:
        world.sync(larger)

    world.db.before("transact_write_items", sync_is_faster, times=1)
    cordon(world)
    assert (cordoned(world), world.positions("p1")) == ([2], [0, 1, 2, 3, 4])


def test_two_operators_at_a_time_both_get_their_cordon(world: FleetWorld) -> None:
    other = Target(pod_id="p2")
    world.db.before("put_item", lambda _operation, _parameters: record(world, other), times=1)
    cordon(world)
    assert {c.target for c in world.store.cordons("r1").entries} == {RACK, other}


def test_a_pod_that_stays_busy_is_said_to_be(world: FleetWorld) -> None:
    world.db.before("transact_write_items", transaction_conflict(4, at=1), times=None)
    with pytest.raises(StorageUnavailable, match="pod p1 stayed busy"):
        cordon(world)
    assert world.pause.attempts == list(range(ATTEMPTS_MAX - 1))


@pytest.mark.parametrize(
    "target",
    [
        Target(pod_id="p9"),
        Target(pod_id="p2", domain_id="p1-r2"),
        Target(host_id="p1-r9-h0"),
    ],
    ids=str,
)
def test_what_is_not_there_cannot_be_cordoned(world: FleetWorld, target: Target) -> None:
    with pytest.raises(NotFound):
        cordon(world, target)
    with pytest.raises(NotFound):
        cordoner(world).cordon("r9", Target(), "leaks")
    with pytest.raises(NotFound):
        uncordon(world)
    assert world.store.every_cordon() == []


@pytest.mark.parametrize(
    "reason",
    ["", "  ", "\u200b", "\x00\n", "!", "x" * (REASON_BYTES_MAX + 1), "é" * (REASON_BYTES_MAX // 2 + 1)],
)
def test_a_cordon_needs_a_reason_of_ordinary_length(world: FleetWorld, reason: str) -> None:
    with pytest.raises(InvalidRequest):
        cordon(world, reason=reason)


def test_nothing_is_sold_by_a_sync_that_cannot_read_the_cordons(world: FleetWorld) -> None:
    broken: dict[str, Any] = keys.cordons("r1") | {"v": {"S": "many"}}
    world.db.put_item(TableName=INVENTORY, Item=broken)
    before = world.writes()
    with pytest.raises(UnreadableItem):
        world.sync(document(2, [region(pods=[pod("p1", 5), pod("p2")])]))
    assert world.writes() == before
