"""The check of a fleet document predicts what the sync then does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal
from gpu_capacity.inventory.fleet.acceptance import DropLimits
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.preview import preview
from gpu_capacity.inventory.merge import Counts
from testkit.fleet.documents import document, pod, raw, region, without_rack
from tools.fleet_check import describe, describe_document
from tools.sync import exit_code

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld

LIMITS = DropLimits(0.2, 0)


def _broken(sequence: int) -> dict[str, Any]:
    content = document(sequence)
    content["regions"][0]["pods"][0]["domains"][0]["hosts"][0]["state"] = "unhealthy"
    return content


def _relabelled(sequence: int) -> dict[str, Any]:
    content = _broken(sequence)
    content["regions"][0]["pods"][0]["domains"][0]["id"] = "other"
    return content


def _swapped(sequence: int) -> dict[str, Any]:
    content = document(sequence)
    first, second = (p["domains"][0]["hosts"][0] for p in content["regions"][0]["pods"])
    first["id"], second["id"] = second["id"], first["id"]
    return content


DOCUMENTS = {
    "nothing": document(2),
    "a dead host": _broken(2),
    "a rack less": without_rack(2, "p1", 0),
    "another label": _relabelled(2),
    "hosts that change places": _swapped(2),
    "half a region": document(2, [region(pods=[pod("p1")])]),
    "a new region": document(2, [region(), region("r2", [pod("q1")])]),
}


@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_sync_does_what_the_check_predicted(world: FleetWorld, content: dict[str, Any]) -> None:
    world.sync(document(1))
    world.hold("p1", 0)
    fleet = parse(raw(content))
    before = world.db.dump()

    reported = preview(fleet, world.store.read(fleet.regions), LIMITS)

    assert world.db.dump() == before
    report = world.sync(content)
    assert sum((r.counts for r in report.regions), Counts()) == sum(reported.pods.values(), Counts())
    assert sum(r.pods_changed for r in report.regions) == len(reported.pods)
    assert {(p.region_id, p.pod_id): p.code for p in report.parts_deferred} == {
        place: deferral.code for place, deferral in reported.deferred.items()
    }
    assert [(r.region_id, p) for r in report.regions for p in r.deferred] == list(reported.waiting)
    assert {r.region_id for r in report.regions if r.catalogue} == set(reported.regions)


def test_the_check_names_the_affected_holders(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 0)
    fleet = parse(raw(_broken(2)))

    reported = preview(fleet, world.store.read(fleet.regions), LIMITS)

    assert reported.touched == {("r1", "p1"): (0,)}
    assert describe(reported, {(("r1", "p1"), 0): ["ORG#a RESERVATION#b"]}) == [
        "changed: pod r1/p1: 1 gone unhealthy",
        "    touches position 0 of ORG#a RESERVATION#b",
    ]
    assert describe_document(fleet) == "valid: sequence 2, 1 regions, 8 domains, 24 hosts"


def test_a_deferred_pod_or_region_is_reported_with_its_code(world: FleetWorld) -> None:
    world.sync(document(1))
    world.hold("p1", 0)
    fleet = parse(raw(_relabelled(2)))

    lines = describe(preview(fleet, world.store.read(fleet.regions), LIMITS), {})

    assert lines[0].startswith("deferred, moves_hardware: pod r1/p1: position 0 is held")


@pytest.mark.parametrize(
    ("refused", "deferred", "parts", "code"),
    [
        (None, [], [], 0),
        (FeedRefusal.OUTDATED, [], [], 1),
        (None, ["p1"], [], 3),
        (None, [], [{"region_id": "r1"}], 3),
    ],
)
def test_the_exit_code_of_a_sync_says_how_it_ended(
    refused: str | None, deferred: list[str], parts: list[dict[str, str]], code: int
) -> None:
    report = {"refused": refused, "regions": [{"deferred": deferred}], "parts_deferred": parts}

    assert exit_code(report) == code
