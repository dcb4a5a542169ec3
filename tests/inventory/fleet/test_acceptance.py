from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.acceptance import (
    FIRST_SEQUENCE_MAX,
    SEQUENCE_JUMP_MAX,
    DropLimits,
    check_acceptable,
    regions_that_drop_too_much,
)
from gpu_capacity.inventory.fleet.model import DIGEST_FORM, FeedState, StoredFleet
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.merge import StoredPod
from testkit.fleet.documents import document, pod, raw, region

if TYPE_CHECKING:
    from gpu_capacity.inventory.fleet.model import Fleet


def inventory(fleet: Fleet) -> StoredFleet:
    pods = {
        (r, p): StoredPod(reported, None, frozenset())
        for r, shown in fleet.regions.items()
        for p, reported in shown.pods.items()
    }
    return StoredFleet(feed=None, regions={}, pods=pods)


def racks(count: int) -> Fleet:
    return parse(raw(document(1, [region(pods=[pod("p1", count)])])))


SHARE = DropLimits(0.2, 0)
NOW = 1767225600


def test_exactly_the_allowed_share_of_hosts_may_disappear() -> None:
    assert regions_that_drop_too_much(inventory(racks(5)), racks(4), SHARE) == {}

    (deferral,) = regions_that_drop_too_much(inventory(racks(5)), racks(3), SHARE).values()

    assert deferral.code is FeedRefusal.DROPS_TOO_MUCH
    assert "6 of 15 hosts would vanish" in deferral.reason


def test_a_few_hosts_may_always_disappear() -> None:
    small = inventory(racks(1))

    assert regions_that_drop_too_much(small, racks(0), DropLimits(0.2, 3)) == {}
    assert set(regions_that_drop_too_much(small, racks(0), DropLimits(0.2, 2))) == {"r1"}


def test_the_share_applies_to_each_region_alone() -> None:
    stored = inventory(parse(raw(document(1, [region("r1", [pod("p1", 1)]), region("r2", [pod("p2", 40)])]))))
    shown = parse(raw(document(2, [region("r1", []), region("r2", [pod("p2", 40), pod("p3", 40)])])))

    assert set(regions_that_drop_too_much(stored, shown, SHARE)) == {"r1"}


def test_hosts_that_move_within_the_region_did_not_disappear() -> None:
    moved = document(2, [region(pods=[pod("p1", 4)])])
    moved["regions"][0]["pods"][0]["id"] = "p9"

    assert regions_that_drop_too_much(inventory(racks(4)), parse(raw(moved)), SHARE) == {}


JUMP = FeedRefusal.SEQUENCE_JUMP


@pytest.mark.parametrize(
    ("accepted", "digest", "sequence", "code"),
    [
        (1, "other", 2, None),
        (2, "same", 2, None),
        (2, "sha256:of another form", 2, None),
        (2, "other", 2, FeedRefusal.CONTRADICTORY),
        (3, "other", 2, FeedRefusal.OUTDATED),
        (1, "other", SEQUENCE_JUMP_MAX + 1, None),
        (1, "other", SEQUENCE_JUMP_MAX + 2, JUMP),
        (1, "other", 2**53 - 1, JUMP),
        (None, "", FIRST_SEQUENCE_MAX, None),
        (None, "", FIRST_SEQUENCE_MAX + 1, JUMP),
    ],
)
def test_a_document_must_have_a_later_sequence_than_the_accepted_one(
    accepted: int | None, digest: str, sequence: int, code: FeedRefusal | None
) -> None:
    fleet = parse(raw(document(sequence)))
    digests = {"same": fleet.digest, "other": f"{DIGEST_FORM}other"}
    feed = None if accepted is None else FeedState(accepted, digests.get(digest, digest), 0, frozenset())

    assert refusal(feed, fleet, NOW) is code


@pytest.mark.parametrize(("now", "code"), [(NOW - 86400, None), (NOW - 86401, FeedRefusal.FROM_THE_FUTURE)])
def test_a_document_is_at_most_a_day_ahead(now: int, code: FeedRefusal | None) -> None:
    assert refusal(None, parse(raw(document(2))), now) is code


def refusal(feed: FeedState | None, fleet: Fleet, now: int) -> FeedRefusal | None:
    try:
        check_acceptable(feed, fleet, now)
    except FeedRefused as refused:
        return refused.code
    return None
