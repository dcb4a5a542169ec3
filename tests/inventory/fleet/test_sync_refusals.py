from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from testkit.fleet.documents import FLAVOR, document, host, pod, rack, region, without_rack
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import PodShape
    from testkit.fleet.world import FleetWorld


def _emptied(sequence: int) -> dict[str, Any]:
    return document(sequence, [region(pods=[pod("p1", 4), pod("p2", 2)])])


def _other_domain_at_held_position(sequence: int) -> dict[str, Any]:
    content = document(sequence)
    content["regions"][0]["pods"][0]["domains"][0] |= {"id": "other"}
    return content


def _oversized(sequence: int) -> dict[str, Any]:
    racks = [rack("p3", n) for n in range(100)]
    for part in racks:
        part["hosts"] = [host(f"{part['id']}-{slot:045}", slot) for slot in range(64)]
    return document(
        sequence,
        [region(pods=[pod("p1"), pod("p2"), {"id": "p3", "flavorId": "flavor-a", "domains": racks}])],
    )


REFUSED: list[tuple[FeedRefusal, dict[str, Any]]] = [
    (FeedRefusal.MALFORMED, document(6) | {"schemaVersion": 2}),
    (FeedRefusal.OUTDATED, document(4)),
    (FeedRefusal.CONTRADICTORY, document(5) | {"observedAt": "2026-01-02T00:00:00Z"}),
    (FeedRefusal.SEQUENCE_JUMP, document(2**53 - 1)),
    (FeedRefusal.FROM_THE_FUTURE, document(6) | {"observedAt": "9999-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_a_refused_document_changes_nothing_and_raises_the_alarm(
    world: FleetWorld, code: FeedRefusal, content: dict[str, Any]
) -> None:
    world.sync(document(5))
    world.hold("p1", 0)
    before, writes = world.db.dump(), world.writes()

    report = world.sync(content)

    assert (report.refused, report.regions) == (code, ())
    assert (world.db.dump(), world.writes()) == (before, writes)
    assert world.telemetry.counts[f"FeedRefused:{code.value}"] == 1
    assert world.telemetry.lines[0][1] == {"code": code.value, "reason": report.message}


def _with_a_dead_rack(content: dict[str, Any], pod_id: str, position: int) -> dict[str, Any]:
    (wanted,) = [p for r in content["regions"] for p in r["pods"] if p["id"] == pod_id]
    for entry in wanted["domains"][position]["hosts"]:
        entry["state"] = "out_of_service"
    return content


def test_a_relabelled_held_rack_defers_only_its_pod_and_dead_racks_are_not_sold(world: FleetWorld) -> None:
    world.sync(document(5))
    world.hold("p1", 0)
    content = _other_domain_at_held_position(6)
    for pod_id, position in (("p1", 2), ("p2", 3)):
        _with_a_dead_rack(content, pod_id, position)
    content["regions"][0]["pods"][0]["domains"].append(rack("p1", 9))

    report = world.sync(content)

    assert report.refused is None
    assert [(p.region_id, p.pod_id, p.code) for p in report.parts_deferred] == [
        ("r1", "p1", FeedRefusal.MOVES_HARDWARE)
    ]
    assert "FleetPartsDeferred:moves_hardware" in world.telemetry.counts
    (_, reported), *_ = world.telemetry.lines
    assert (reported["region"], reported["pod"], reported["code"]) == ("r1", "p1", "moves_hardware")
    for_sale = {p: [d.complete for d in _shape(world, p).domains] for p in ("p1", "p2")}
    assert for_sale == {"p1": [True, True, False, True], "p2": [True, True, True, False]}
    assert world.domain("p1", 0).id == "p1-r0"
    assert world.pod("p1").held == {0}
    writes = world.writes()
    assert world.sync(content).parts_deferred == report.parts_deferred
    assert world.writes() == writes


def test_a_deferred_pod_is_updated_by_the_first_document_without_a_contradiction(world: FleetWorld) -> None:
    world.sync(document(5))
    world.hold("p1", 0)
    world.sync(_with_a_dead_rack(_other_domain_at_held_position(6), "p1", 2))

    assert world.sync(document(7)).parts_deferred == ()
    assert [d.complete for d in _shape(world, "p1").domains] == [True] * 4

    world.sync(_other_domain_at_held_position(8))
    world.release("p1", 0)
    assert world.sync(_other_domain_at_held_position(8)).parts_deferred == ()
    assert world.domain("p1", 0).id == "other"


def test_a_region_that_loses_too_much_is_the_only_one_deferred(world: FleetWorld) -> None:
    other = region("r2", [pod("q1")])
    world.sync(document(5, [region(), other]))
    halved = _with_a_dead_rack(document(6, [region(pods=[pod("p1", 3)]), other]), "p1", 1)
    halved["regions"][1] = region("r2", [pod("q1", 5)])

    report = world.sync(halved)

    assert [(p.region_id, p.pod_id, p.code) for p in report.parts_deferred] == [
        ("r1", None, FeedRefusal.DROPS_TOO_MUCH)
    ]
    assert world.positions("p1") == world.positions("p2") == [0, 1, 2, 3]
    assert [d.complete for d in _shape(world, "p1").domains] == [True, False, True, True]
    assert world.positions("q1", "r2") == [0, 1, 2, 3, 4]
    assert world.sync(halved, max_drop_share=1.0).parts_deferred == ()
    assert world.positions("p1") == [0, 1, 2]


@pytest.mark.parametrize("content", [_emptied(6), document(6, []), document(6, [region("r2", [])])])
def test_a_half_empty_document_removes_nothing(world: FleetWorld, content: dict[str, Any]) -> None:
    world.sync(document(5))
    before = world.all_hosts()

    report = world.sync(content)

    assert [(p.region_id, p.code) for p in report.parts_deferred] == [("r1", FeedRefusal.DROPS_TOO_MUCH)]
    assert world.all_hosts() == before


def test_a_pod_that_does_not_fit_into_an_item_is_the_only_one_deferred(world: FleetWorld) -> None:
    world.sync(document(5))

    report = world.sync(_with_a_dead_rack(_oversized(6), "p2", 0))

    assert [(p.pod_id, p.code) for p in report.parts_deferred] == [("p3", FeedRefusal.POD_TOO_LARGE)]
    assert not _shape(world, "p2").domains[0].complete


def test_a_free_pod_may_return_with_another_flavor(world: FleetWorld) -> None:
    world.sync(document(5))
    content = document(6)
    content["flavors"].append(FLAVOR | {"id": "flavor-b"})
    content["regions"][0]["pods"][1]["flavorId"] = "flavor-b"
    world.hold("p2", 1)

    held = world.sync(content)
    world.release("p2", 1)
    free = world.sync(content)

    assert [(p.pod_id, p.code) for p in held.parts_deferred] == [("p2", FeedRefusal.MOVES_HARDWARE)]
    assert free.parts_deferred == ()
    now = world.pod("p2")
    assert (now.pod.flavor_id, now.pod.version, world.positions("p2")) == ("flavor-b", 3, [0, 1, 2, 3])
    for kind in ("CLAIMS", "SHAPES"):
        assert world.db.table(INVENTORY).get((f"{kind}#r1#flavor-a", "POD#p1")) is not None
        assert world.db.table(INVENTORY).get((f"{kind}#r1#flavor-a", "POD#p2")) is None


def test_a_region_that_left_is_withdrawn_and_removed_when_nothing_is_held_there(world: FleetWorld) -> None:
    both, one = [region(), region("r2", [pod("q1", 1)])], [region()]
    world.sync(document(5, both))
    world.hold("q1", 0, region_id="r2")

    def catalogue(sequence: int, regions: list[dict[str, Any]]) -> tuple[dict[str, str], set[str]]:
        report = world.sync(document(sequence, regions), max_drop_share=1.0)
        return {r.region_id: r.catalogue for r in report.regions if r.catalogue}, set(
            world.store.read([]).regions
        )

    assert catalogue(6, one) == ({"r2": "withdrawn"}, {"r1", "r2"})
    gone = world.store.read([]).regions["r2"]
    assert (gone.withdrawn, gone.offered, gone.flavors_of("any")) == (True, (), ())
    assert catalogue(7, one)[1] == {"r1", "r2"}
    world.release("q1", 0, region_id="r2")
    assert catalogue(8, one) == ({"r2": "removed"}, {"r1"})
    assert catalogue(9, both)[1] == {"r1", "r2"}
    assert world.pod("q1", "r2").pod.version == 4


def test_a_sequence_far_ahead_is_refused_and_later_documents_are_accepted(world: FleetWorld) -> None:
    world.sync(document(5))

    assert world.sync(document(2**53 - 1)).refused is FeedRefusal.SEQUENCE_JUMP
    assert world.sync(document(6)).refused is None


def _shape(world: FleetWorld, pod_id: str) -> PodShape:
    shape = world.pod(pod_id).shape
    assert shape is not None
    return shape


@pytest.mark.parametrize("code", [FeedRefusal.UNREACHABLE, FeedRefusal.TOO_LARGE])
def test_a_feed_that_gives_no_document_changes_nothing(world: FleetWorld, code: FeedRefusal) -> None:
    class BrokenFeed:
        def read(self) -> bytes:
            raise FeedRefused(code, "no document")

    world.sync(document(5))
    before = world.db.dump()

    assert world.sync_from(BrokenFeed()).refused is code
    assert world.db.dump() == before


def test_a_drop_within_the_share_is_applied_and_the_share_can_be_raised(world: FleetWorld) -> None:
    world.sync(document(1))

    assert world.sync(without_rack(2, "p1", 3)).refused is None
    one_more = without_rack(3, "p1", 3)
    del one_more["regions"][0]["pods"][1]["domains"][3]
    assert world.sync(one_more).refused is None
    assert world.sync(document(4, []), max_drop_share=1.0).refused is None
    assert world.all_hosts() == []


def test_hosts_that_are_already_missing_do_not_count_as_dropped_again(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 2, 3)
    halved = document(2, [region(pods=[pod("p1", 2), pod("p2")])])

    assert world.sync(halved, max_drop_share=0.25).refused is None
    assert world.sync(halved | {"sequence": 3}).refused is None
