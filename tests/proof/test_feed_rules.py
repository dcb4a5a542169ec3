"""The result of a sync is compared with the document, except for what it reports as deferred."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proof.feed_rules import disagreements
from proof.fleet import LONDON, Fleet
from proof.worlds import new_world

if TYPE_CHECKING:
    from collections.abc import Collection

    from testkit.items import PodKey

SHAPE = {LONDON: {"lon1": 2}}


def _compare(fleet: Fleet, deferred: Collection[PodKey] = ()) -> list[str]:
    document: dict[str, Any] = json.loads(fleet.publish())
    return list(disagreements(new_world(SHAPE, {}).db, document, deferred))


def test_an_applied_document_agrees() -> None:
    assert _compare(Fleet(SHAPE)) == []


def test_a_cordon_missing_from_the_inventory_is_reported() -> None:
    fleet = Fleet(SHAPE)
    fleet.racks("lon1")[1]["cordoned"] = True

    assert _compare(fleet) == [f"{LONDON} lon1 1 is cordoned in the document only"]
    assert _compare(fleet, {(LONDON, "lon1")}) == []


def test_a_host_in_another_state_is_reported() -> None:
    fleet = Fleet(SHAPE)
    fleet.racks("lon1")[0]["hosts"][1]["state"] = "unhealthy"

    assert _compare(fleet) == [f"{LONDON} lon1 0 has lon1-rack00-tray01 as in_service, which is unhealthy"]


def test_a_missing_pod_is_reported() -> None:
    assert _compare(Fleet({LONDON: {"lon1": 2, "lon2": 1}})) == [f"{LONDON} lon2 is not in the inventory"]
