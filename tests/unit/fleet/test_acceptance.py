from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.fleet.acceptance import refuse_stale, refuse_unacceptable
from gpu_capacity.fleet.model import FeedState, StoredFleet
from gpu_capacity.fleet.parsing import parse
from gpu_capacity.topology.merge import StoredPod
from tests.unit.fleet.documents import document, pod, raw, region

if TYPE_CHECKING:
    from gpu_capacity.fleet.model import Fleet


def inventory(fleet: Fleet) -> StoredFleet:
    pods = {
        (r, p): StoredPod(reported, None, frozenset())
        for r, told in fleet.regions.items()
        for p, reported in told.pods.items()
    }
    return StoredFleet(feed=None, regions={}, pods=pods)


def racks(count: int) -> Fleet:
    return parse(raw(document(1, [region(pods=[pod("p1", count)])])))


def test_exactly_the_share_may_vanish_and_one_host_more_may_not() -> None:
    refuse_unacceptable(inventory(racks(5)), racks(4), 0.2)

    with pytest.raises(FeedRefused, match="region r1: 6 of 15 hosts would vanish") as refused:
        refuse_unacceptable(inventory(racks(5)), racks(3), 0.2)

    assert refused.value.code is FeedRefusal.DROPS_TOO_MUCH


def test_a_share_of_one_region_is_not_made_up_for_by_another() -> None:
    stored = inventory(parse(raw(document(1, [region("r1", [pod("p1", 1)]), region("r2", [pod("p2", 40)])]))))
    told = parse(raw(document(2, [region("r1", []), region("r2", [pod("p2", 40), pod("p3", 40)])])))

    with pytest.raises(FeedRefused, match="region r1"):
        refuse_unacceptable(stored, told, 0.2)


def test_hosts_that_change_their_place_in_the_region_did_not_vanish() -> None:
    moved = document(2, [region(pods=[pod("p1", 4)])])
    moved["regions"][0]["pods"][0]["id"] = "p9"

    refuse_unacceptable(inventory(racks(4)), parse(raw(moved)), 0.2)


@pytest.mark.parametrize(
    ("sequence", "digest", "code"),
    [
        (1, "", None),
        (2, "same", None),
        (2, "other", FeedRefusal.CONTRADICTORY),
        (3, "", FeedRefusal.OUTDATED),
    ],
)
def test_a_document_must_follow_the_accepted_one(
    sequence: int, digest: str, code: FeedRefusal | None
) -> None:
    fleet = parse(raw(document(2)))
    accepted = FeedState(sequence, fleet.digest if digest == "same" else digest, 0, frozenset())

    if code is None:
        refuse_stale(accepted, fleet)
        return
    with pytest.raises(FeedRefused) as refused:
        refuse_stale(accepted, fleet)
    assert refused.value.code is code
