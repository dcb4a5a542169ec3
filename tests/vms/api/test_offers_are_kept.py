"""Search is public, so its results are cached for seconds; renting is decided on a fresh read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.inventory.store import ANSWER_SECONDS_MAX
from testkit.handlers.vm_stage import read

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage


def _search(stage: Stage) -> list[dict[str, Any]]:
    answer = stage.request("search_offers", read("search_offers", "all"))
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.json
    return found


def _inventory_reads(stage: Stage) -> int:
    return stage.db.requests["query"] + stage.db.requests["batch_get_item"] + stage.db.requests["get_item"]


def test_searches_within_a_few_seconds_read_the_inventory_once(stage: Stage) -> None:
    first = _search(stage)
    reads = _inventory_reads(stage)
    for _ in range(ANSWER_SECONDS_MAX - 1):
        stage.clock.advance(1)
        assert _search(stage) == first
    assert _inventory_reads(stage) == reads


def test_a_rental_is_visible_in_search_a_few_seconds_later(stage: Stage) -> None:
    stage.with_ssh_key()
    before = _search(stage)
    assert stage.send("create_vm", "on_demand").status == 201
    assert _search(stage) == before
    stage.clock.advance(ANSWER_SECONDS_MAX)
    assert _search(stage) != before


def test_a_rental_is_decided_on_a_fresh_read_and_not_on_the_cached_offer(stage: Stage) -> None:
    stage.with_ssh_key()
    _search(stage)
    statuses = [stage.send("create_vm", "on_demand", gpu_count=8).status for _ in range(2)]
    assert statuses == [201, 400]
