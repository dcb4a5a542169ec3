from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.inventory.fleet.sync import RegionReport
from gpu_capacity.inventory.merge import Counts
from gpu_capacity.inventory.model import HostState
from testkit.fleet.documents import document, offering, pod, region, without_rack
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld


def test_the_first_document_fills_the_inventory(world: FleetWorld) -> None:
    report = world.sync(document(1))

    assert report.refused is None
    assert report.regions == (RegionReport("r1", 2, Counts(added=24), catalogue="changed"),)
    assert world.telemetry.counts == {"FeedApplied": 1, "HostsAdded": 24}
    assert world.positions("p1") == [0, 1, 2, 3]
    assert set(world.store.read([]).regions) == {"r1"}


def test_every_write_has_its_audit_line(world: FleetWorld) -> None:
    world.sync(document(1))

    lines = world.telemetry.audits
    assert [(line.action, line.target, line.outcome) for line in lines] == [
        ("accept_document", "feed", "applied"),
        ("change_pod", "r1/p1", "applied"),
        ("change_pod", "r1/p2", "applied"),
        ("change_region", "r1", "applied"),
    ]
    assert lines[1].details["version"] == 1


def test_the_same_document_again_writes_nothing(world: FleetWorld) -> None:
    world.sync(document(1))
    writes, before = world.writes(), world.db.dump()

    report = world.sync(document(1))

    assert (world.writes(), world.db.dump()) == (writes, before)
    assert report.regions == (RegionReport("r1"),)
    assert world.telemetry.counts == {"FeedApplied": 1}


def test_a_newer_document_with_the_same_content_only_records_that_it_was_seen(world: FleetWorld) -> None:
    world.sync(document(1))
    writes = world.writes()

    world.sync(document(2) | {"observedAt": "2026-01-01T00:05:00Z"})

    assert world.writes() == writes + 2  # the accepted document, and when the region was observed
    assert world.pod("p1").pod.version == 1


def test_after_a_change_of_health_placements_on_old_snapshots_are_refused(world: FleetWorld) -> None:
    world.sync(document(1))
    content = document(2)
    content["regions"][0]["pods"][0]["domains"][1]["hosts"][2]["state"] = "unhealthy"

    world.sync(content)

    assert world.telemetry.counts["HostsGoneUnhealthy"] == 1
    assert not world.hold("p1", 0, version=1)
    assert world.hold("p1", 0, version=2)


def test_a_changed_offering_changes_the_shapes_of_its_pods(world: FleetWorld) -> None:
    world.sync(document(1))
    changed = region() | {"offerings": [offering(hostsPerUnit=2)]}

    world.sync(document(2, [changed]))

    shape = world.pod("p1").shape
    assert shape is not None
    assert [d.complete for d in shape.domains] == [False] * 4
    assert (shape.version, world.pod("p2").pod.version) == (2, 2)


def test_held_hardware_that_disappears_stays_held_and_missing(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 3)

    world.sync(without_rack(2, "p1", 3))

    assert world.pod("p1").held == {3}
    assert [h.state for h in world.domain("p1", 3).hosts] == [HostState.MISSING] * 3
    assert world.telemetry.counts["HostsMissing"] == 3


def test_a_domain_held_in_part_counts_as_held(world: FleetWorld) -> None:
    world.sync(document(1))
    part = Update(
        "claim",
        INVENTORY,
        {"pk": {"S": "CLAIMS#r1#flavor-a"}, "sk": {"S": "POD#p1"}},
        "SET d3 = :parts",
        values={":parts": {"M": {"00ff00ff00ff00ff": {"N": "1"}}}},
    )
    Database(world.db).commit(part)

    world.sync(without_rack(2, "p1", 3))

    assert [h.state for h in world.domain("p1", 3).hosts] == [HostState.MISSING] * 3


def test_missing_hardware_is_removed_by_the_first_run_after_its_release(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 3)
    world.sync(without_rack(2, "p1", 3))
    world.release("p1", 3)

    world.sync(without_rack(2, "p1", 3))

    assert world.positions("p1") == [0, 1, 2]


def test_a_pod_that_disappears_is_emptied_and_returns_with_a_higher_version(world: FleetWorld) -> None:
    world.sync(document(1, [region(pods=[pod("p1", 16), pod("p2", 2)])]))

    world.sync(document(2, [region(pods=[pod("p1", 16)])]))
    emptied = world.pod("p2").pod
    world.sync(document(3, [region(pods=[pod("p1", 16), pod("p2", 2)])]))

    assert (emptied.domains, emptied.version) == ((), 2)
    assert (world.positions("p2"), world.pod("p2").pod.version) == ([0, 1], 3)


def test_a_domain_that_moves_to_another_pod_is_never_in_both(world: FleetWorld) -> None:
    world.sync(document(1))
    content = document(2)
    first, second = content["regions"][0]["pods"]
    moved = first["domains"].pop(3)  # p1 is written before p2, and p2 gives to p1 as well
    given = second["domains"].pop(0)
    second["domains"].append(moved | {"position": 7})
    first["domains"].append(given | {"position": 9})
    places: list[list[str]] = []
    world.db.before(
        "transact_write_items", lambda operation, parameters: places.append(world.all_hosts()), times=None
    )

    report = world.sync(content)

    assert all(len(ids) == len(set(ids)) for ids in places)
    assert report.regions[0].deferred == ()
    assert world.positions("p1") == [0, 1, 2, 9]
    assert world.positions("p2") == [1, 2, 3, 7]


def test_a_host_missing_at_a_holder_is_placed_elsewhere_only_after_the_release(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 0)
    content = document(2)
    tray = content["regions"][0]["pods"][0]["domains"][0]["hosts"].pop()
    content["regions"][0]["pods"][1]["domains"][0]["hosts"].append(tray | {"slot": 5})

    waiting = world.sync(content)
    world.release("p1", 0)
    done = world.sync(content)

    assert waiting.regions[0].deferred == ("p2",)
    assert done.regions[0].deferred == ()
    assert [h.slot for h in world.domain("p2", 0).hosts] == [0, 1, 2, 5]
    assert [h.slot for h in world.domain("p1", 0).hosts] == [0, 1]


def test_more_positions_than_one_condition_can_name_are_removed_in_one_run(world: FleetWorld) -> None:
    world.sync(document(1, [region(pods=[pod("p1", 230)])]))

    report = world.sync(document(2, [region(pods=[pod("p1", 3)])]), max_drop_share=1.0)

    assert world.positions("p1") == [0, 1, 2]
    assert report.regions[0].counts == Counts(removed=3 * 227)
    assert world.pod("p1").pod.version == 4
