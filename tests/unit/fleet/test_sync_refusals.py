from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from tests.unit.fleet.documents import document, host, pod, rack, region, without_rack

if TYPE_CHECKING:
    from tests.unit.fleet.world import World


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
    (FeedRefusal.MALFORMED, _oversized(6)),
    (FeedRefusal.OUTDATED, document(4)),
    (FeedRefusal.CONTRADICTORY, document(5) | {"observedAt": "2026-01-02T00:00:00Z"}),
    (FeedRefusal.DROPS_TOO_MUCH, _emptied(6)),
    (FeedRefusal.DROPS_TOO_MUCH, document(6, [])),
    (FeedRefusal.DROPS_TOO_MUCH, document(6, [region("r2", [])])),
    (FeedRefusal.MOVES_HARDWARE, _other_domain_at_held_position(6)),
]


@pytest.mark.parametrize(("code", "content"), REFUSED)
def test_a_refused_document_changes_nothing_and_raises_the_alarm(
    world: World, code: FeedRefusal, content: dict[str, Any]
) -> None:
    world.sync(document(5))
    world.hold("p1", 0)
    before, writes = world.db.dump(), world.writes()

    report = world.sync(content)

    assert (report.refused, report.regions) == (code, ())
    assert (world.db.dump(), world.writes()) == (before, writes)
    assert world.telemetry.dimensions == [("FeedRefused", {"code": code.value})]
    assert world.telemetry.warnings[0][1] == {"code": code.value, "reason": report.message}


@pytest.mark.parametrize("code", [FeedRefusal.UNREACHABLE, FeedRefusal.TOO_LARGE])
def test_a_feed_that_gives_no_document_changes_nothing(world: World, code: FeedRefusal) -> None:
    class BrokenFeed:
        def read(self) -> bytes:
            raise FeedRefused(code, "no document")

    world.sync(document(5))
    before = world.db.dump()

    assert world.sync_from(BrokenFeed()).refused is code
    assert world.db.dump() == before


def test_a_drop_within_the_share_is_applied_and_the_share_can_be_raised(world: World) -> None:
    world.sync(document(1))

    assert world.sync(without_rack(2, "p1", 3)).refused is None
    one_more = without_rack(3, "p1", 3)
    del one_more["regions"][0]["pods"][1]["domains"][3]
    assert world.sync(one_more).refused is None
    assert world.sync(document(4, []), max_drop_share=1.0).refused is None
    assert world.all_hosts() == []


def test_hosts_that_are_missing_already_do_not_count_as_dropped_again(world: World) -> None:
    world.sync(document(1))
    world.hold("p1", 2, 3)
    halved = document(2, [region(pods=[pod("p1", 2), pod("p2")])])

    assert world.sync(halved, max_drop_share=0.25).refused is None
    assert world.sync(halved | {"sequence": 3}).refused is None
