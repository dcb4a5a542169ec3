"""A sync sends capacity events for the regions whose pods it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import StorageUnavailable
from testkit.dynamodb import internal_error
from testkit.fleet.documents import document, pod, region

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld


def test_events_are_sent_for_regions_with_changed_pods_and_no_others(world: FleetWorld) -> None:
    world.sync(document(1, [region("r1"), region("r2", [pod("q1")])]))
    world.events.zones.clear()
    changed = pod("q1")
    changed["domains"][0]["hosts"][0]["state"] = "unhealthy"

    world.sync(document(2, [region("r1"), region("r2", [changed])]))

    assert world.events.zones == ["r2"]


def test_the_same_document_again_sends_no_events(world: FleetWorld) -> None:
    world.sync(document(1))
    world.events.zones.clear()

    world.sync(document(1))

    assert world.events.zones == []


def test_a_run_that_ends_early_sends_events_for_the_pods_it_wrote(world: FleetWorld) -> None:
    """The next run finds them unchanged and would send no event."""
    world.db.before("transact_write_items", internal_error(), times=None, only=_writes_the_catalogue)

    with pytest.raises(StorageUnavailable):
        world.sync(document(1))

    assert world.events.zones == ["r1"]


def _writes_the_catalogue(parameters: dict[str, Any]) -> bool:
    return any("CATALOG" in str(entry.get("Put", "")) for entry in parameters["TransactItems"])
