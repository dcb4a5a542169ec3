from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.errors import FeedRefusal, StorageUnavailable
from gpu_capacity.inventory.fleet.sync import RegionReport
from gpu_capacity.inventory.merge import Counts
from gpu_capacity.inventory.model import HostState
from testkit.dynamodb import (
    internal_error,
    item_conflict,
    throttled,
    timeout_before,
    transaction_conflict,
)
from testkit.fleet.documents import document, host, offering, pod, region, without_rack
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld


class Crash(Exception):
    """The process ends here."""


def _crash(operation: str, parameters: dict[str, Any]) -> None:
    raise Crash


def _second_document() -> dict[str, Any]:
    """Changes everything: health, a drop, a held drop, a new pod, a new region, another offering."""
    first, second = pod("p1"), pod("p2")
    first["domains"][0]["hosts"][1]["state"] = "unhealthy"
    del first["domains"][3]
    second["domains"][1]["hosts"].pop()
    second["domains"][2]["cordoned"] = True
    changed = region(pods=[first, second, pod("p3")]) | {"offerings": [offering(), offering(unit="RACK")]}
    return document(2, [changed, region("r2", [pod("q1")])])


def _prepare(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 3)
    world.hold("p2", 1)


WRITES_OF_SECOND = 7  # the document, four pods, two regions


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("nth", range(WRITES_OF_SECOND))
def test_a_run_interrupted_at_any_write_is_finished_by_the_next(
    world: FleetWorld, other_world: FleetWorld, nth: int, *, answer_lost: bool
) -> None:
    _prepare(other_world)
    writes = other_world.writes()
    other_world.sync(_second_document())
    assert other_world.writes() == writes + WRITES_OF_SECOND
    _prepare(world)
    place = world.db.after if answer_lost else world.db.before
    for operation, skip in (("update_item", nth), ("transact_write_items", nth - 1)):
        if skip >= 0 and (operation == "update_item") == (nth == 0):
            place(operation, _crash, skip=skip)

    with pytest.raises(Crash):
        world.sync(_second_document())
    report = world.sync(_second_document())

    assert report.refused is None
    assert world.db.dump() == other_world.db.dump()


@pytest.mark.parametrize("nth", range(1, WRITES_OF_SECOND))
def test_a_run_interrupted_at_any_write_is_also_repaired_by_a_newer_document(
    world: FleetWorld, nth: int
) -> None:
    _prepare(world)
    world.db.before("transact_write_items", _crash, skip=nth - 1)
    with pytest.raises(Crash):
        world.sync(_second_document())

    newer = document(3, [region(), region("r2", [pod("q1")])])
    report = world.sync(newer, max_drop_share=1.0)

    assert report.refused is None
    stored = world.store.read([])
    assert {p.pod.id: len(p.pod.domains) for p in stored.pods.values() if p.pod.domains} == {
        "p1": 4,
        "p2": 4,
        "q1": 4,
    }
    assert all(h.state is HostState.IN_SERVICE for h in world.domain("p1", 3).hosts)
    assert world.sync(newer).regions == (RegionReport("r1"), RegionReport("r2"))


def test_hardware_owned_between_read_and_write_is_neither_freed_nor_moved(world: FleetWorld) -> None:
    world.sync(document(1))
    rival = world.db.before("transact_write_items", lambda *_: world.hold("p1", 3))

    report = world.sync(without_rack(2, "p1", 3))

    assert rival.fired == 1
    assert world.pod("p1").held == {3}
    assert [h.state for h in world.domain("p1", 3).hosts] == [HostState.MISSING] * 3
    assert report.regions[0].counts == Counts(missing=3)


def test_a_reservation_elsewhere_in_the_pod_does_not_prevent_the_write(world: FleetWorld) -> None:
    world.sync(document(1))
    world.db.before("transact_write_items", lambda *_: world.hold("p1", 0))

    world.sync(without_rack(2, "p1", 3))

    assert world.pod("p1").held == {0}
    assert world.positions("p1") == [0, 1, 2]
    assert world.pause.attempts == []


def test_a_reservation_made_before_a_move_defers_the_pod_in_this_run_and_the_next(world: FleetWorld) -> None:
    world.sync(document(1))
    before = world.pod("p1").pod
    world.db.before("transact_write_items", lambda *_: world.hold("p1", 0))
    content = document(2)
    content["regions"][0]["pods"][0]["domains"][0] |= {"id": "other"}

    reports = [world.sync(content), world.sync(content)]

    assert world.pod("p1").pod == before
    for report in reports:
        (part,) = report.parts_deferred
        assert (part.region_id, part.pod_id, part.code) == ("r1", "p1", FeedRefusal.MOVES_HARDWARE)


def test_reservations_made_before_every_write_defer_the_pod(world: FleetWorld) -> None:
    world.sync(document(1))

    def stir(*_: object) -> None:
        """A run for the same document, on another machine, is always a little faster."""
        stored = world.pod("p1").pod.version
        key = {"pk": {"S": "CLAIMS#r1#flavor-a"}, "sk": {"S": "POD#p1"}}
        values = {":v": {"N": str(stored + 1)}}
        for pk, name in (("CLAIMS#r1#flavor-a", "v"), ("HOSTS#r1", "v")):
            write = Update(
                "stir", INVENTORY, key | {"pk": {"S": pk}}, "SET #v = :v", None, {"#v": name}, values
            )
            Database(world.db).commit(write)

    world.db.before("transact_write_items", stir, times=None, only=_is_about_p1)

    report = world.sync(without_rack(2, "p1", 3))

    assert report.regions[0].deferred == ("p1",)
    assert world.telemetry.counts["PodsDeferred"] == 1
    assert world.pause.attempts == [0, 1, 2, 3]


def _is_about_p1(parameters: dict[str, Any]) -> bool:
    return "POD#p1" in str(parameters["TransactItems"])


def test_a_conflict_with_a_transaction_on_the_pod_is_retried(world: FleetWorld) -> None:
    world.sync(document(1))
    world.db.before("transact_write_items", transaction_conflict(5, at=2), times=2)

    report = world.sync(without_rack(2, "p1", 3))

    assert (report.regions[0].deferred, world.positions("p1")) == ((), [0, 1, 2])
    assert world.pause.attempts == [0, 1]


def test_a_document_that_cannot_be_accepted_because_of_conflicts_is_tried_again_later(
    world: FleetWorld,
) -> None:
    world.db.before("update_item", item_conflict(), times=None)

    with pytest.raises(StorageUnavailable):
        world.sync(document(1))

    assert len(world.db.table(INVENTORY)) == 0


@pytest.mark.parametrize("fault", [throttled(), internal_error(), timeout_before()])
def test_a_database_failure_is_reported_to_the_scheduler(world: FleetWorld, fault: Any) -> None:
    world.sync(document(1))
    world.db.before("transact_write_items", fault)

    with pytest.raises(StorageUnavailable):
        world.sync(without_rack(2, "p1", 3))

    world.sync(without_rack(2, "p1", 3))
    assert world.positions("p1") == [0, 1, 2]


def test_a_newer_document_accepted_meanwhile_ends_the_run(world: FleetWorld, other_world: FleetWorld) -> None:
    world.sync(document(1))
    newer = document(3, [region(pods=[pod("p1"), pod("p2"), pod("p3")])])
    world.db.before("transact_write_items", lambda *_: _sync_quietly(world, newer))

    report = world.sync(_second_document())

    assert report.superseded
    assert world.telemetry.counts == {"FeedSuperseded": 1}
    assert world.positions("p3") == [0, 1, 2, 3]
    assert world.positions("p1") == [0, 1, 2, 3]


def test_a_newer_document_accepted_after_the_check_makes_this_one_outdated(world: FleetWorld) -> None:
    world.sync(document(1))
    world.db.before("update_item", lambda *_: _sync_quietly(world, document(3)))

    assert world.sync(_second_document()).refused is FeedRefusal.OUTDATED


def test_writes_of_an_older_run_after_the_first_read_are_seen(world: FleetWorld) -> None:
    """The host that the older run has put into p2 must not be sold from p1 as well."""
    world.sync(document(1))
    spare = host("spare", 5)
    older, newer = document(2), document(3)
    older["regions"][0]["pods"][1]["domains"][0]["hosts"].append(spare)
    newer["regions"][0]["pods"][0]["domains"][0]["hosts"].append(spare)
    world.db.before("update_item", lambda *_: _sync_quietly(world, older))
    places: list[list[str]] = []
    world.db.after("transact_write_items", lambda *_: places.append(world.all_hosts()), times=None)

    world.sync(newer)

    assert all(ids.count("spare") <= 1 for ids in places)
    assert [h.slot for h in world.domain("p1", 0).hosts] == [0, 1, 2, 5]
    assert [h.slot for h in world.domain("p2", 0).hosts] == [0, 1, 2]


def _sync_quietly(world: FleetWorld, content: dict[str, Any]) -> None:
    telemetry = world.telemetry
    world.sync(content)
    world.telemetry = telemetry


def test_two_runs_of_the_same_document_do_not_disturb_each_other(
    world: FleetWorld, other_world: FleetWorld
) -> None:
    _prepare(world)
    _prepare(other_world)
    other_world.sync(_second_document())
    world.db.before("transact_write_items", lambda *_: _sync_quietly(world, _second_document()), skip=1)

    report = world.sync(_second_document())

    assert (report.refused, report.superseded) == (None, False)
    assert world.db.dump() == other_world.db.dump()


def test_a_new_region_is_offered_only_once_its_pods_exist(world: FleetWorld) -> None:
    world.db.before("transact_write_items", _crash, skip=2)
    with pytest.raises(Crash):
        world.sync(document(1))

    assert world.store.read(["r1"]).regions == {}
    assert len(world.store.read([]).pods) == 2
