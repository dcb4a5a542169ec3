"""What each condition of a repair protects, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from testkit.world import HOLDERS, INSTANCE_TYPE, INVENTORY, ORGANIZATION, REGION
from tests.upkeep.audit import planted
from tests.upkeep.audit.scene import Scene, pod_key, results

if TYPE_CHECKING:
    from collections.abc import Callable

GONE = "22222222-2222-4333-8444-555555555555"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def _repair_against(scene: Scene, rival: Callable[[Scene], None]) -> set[str]:
    """The results of the findings when another write happens between the last read and the repair."""
    states: list[dict[str, Any]] = []

    def step_in(_operation: str, _parameters: dict[str, Any]) -> None:
        rival(scene)
        states.append(scene.db.dump())

    for operation in ("transact_write_items", "update_item"):
        scene.db.before(operation, step_in, times=1, only=lambda _: not states)
    found = results(scene.audit(fix=True))
    assert scene.db.dump() == states[0]
    return found


def _entry_of_a_tombstone(scene: Scene) -> None:
    """A queue entry of a claim with a tombstone, as it remains of a claim whose id the client chose."""
    key = keys.queued(REGION, INSTANCE_TYPE, 1, (ORGANIZATION, GONE))
    scene.put(HOLDERS, key, organization=ORGANIZATION, claim=GONE)
    record = keys.capacity_claim(ORGANIZATION, GONE)
    scene.put(HOLDERS, record, status="gone", fingerprint="f", ttl_sweep_at=2_000_000_000)


def _pod_is_removed(scene: Scene) -> None:
    scene.delete(INVENTORY, scene.first_domain()[0])


def _another_reservation_stands_under_the_id(scene: Scene) -> None:
    scene.set(HOLDERS, keys.reservation(ORGANIZATION, scene.provisioned), created_at=1, life=b"another!")


def _reservation_lists_another_start(scene: Scene) -> None:
    scene.set(HOLDERS, keys.reservation(ORGANIZATION, scene.provisioned), start=7, revision=99)


def _reservation_lists_another_pod(scene: Scene) -> None:
    scene.set(HOLDERS, keys.reservation(ORGANIZATION, scene.provisioned), pod="pod9", revision=99)


def _reservation_is_counted_no_more(scene: Scene) -> None:
    scene.set(HOLDERS, keys.reservation(ORGANIZATION, scene.provisioned), counted=None, revision=99)


@pytest.mark.parametrize(
    "rival",
    [
        _another_reservation_stands_under_the_id,
        _reservation_lists_another_start,
        _reservation_lists_another_pod,
        _reservation_is_counted_no_more,
    ],
)
def test_a_hash_is_set_only_on_the_record_as_it_was_read(
    scene: Scene, rival: Callable[[Scene], None]
) -> None:
    planted.a_hash_is_missing(scene)

    assert _repair_against(scene, rival) == {"refused"}


def test_nothing_is_marked_in_a_pod_that_no_longer_exists(scene: Scene) -> None:
    planted.a_listed_run_is_free(scene)

    assert _repair_against(scene, _pod_is_removed) == {"refused"}


def _deleted_after_it_failed(scene: Scene) -> None:
    """A deprovisioning record with nothing left to give back that is missing from the index."""
    [run] = scene.reservation(scene.pending).runs
    scene.set(
        HOLDERS,
        keys.reservation(ORGANIZATION, scene.pending),
        status="deprovisioning",
        counted=None,
        **dict.fromkeys(("pod", "start", "hash", "unsettled", "unsettled_since")),
    )
    booking = keys.booking_attribute(run.tag)
    scene.set(INVENTORY, pod_key(run.placement.pod_id), **{booking: None})
    scene.set(HOLDERS, keys.quota(ORGANIZATION, "GB300"), used=2)


def test_a_record_without_capacity_is_put_back_into_the_index(scene: Scene) -> None:
    _deleted_after_it_failed(scene)

    assert results(scene.audit(fix=True)) == {"repaired"}
    assert "unsettled" in scene.item(HOLDERS, keys.reservation(ORGANIZATION, scene.pending))


def test_a_record_that_has_capacity_by_now_is_left_for_the_next_audit(scene: Scene) -> None:
    _deleted_after_it_failed(scene)
    record = keys.reservation(ORGANIZATION, scene.pending)

    assert _repair_against(scene, lambda s: s.set(HOLDERS, record, pod="pod2", start=0, revision=99)) == {
        "refused"
    }


def test_a_queue_entry_of_a_claim_with_a_tombstone_is_removed(scene: Scene) -> None:
    before = scene.db.dump()
    _entry_of_a_tombstone(scene)

    assert results(scene.audit(fix=True)) == {"repaired"}
    scene.delete(HOLDERS, keys.capacity_claim(ORGANIZATION, GONE))
    assert scene.db.dump() == before


def test_a_queue_entry_stays_if_a_claim_replaced_the_tombstone(scene: Scene) -> None:
    _entry_of_a_tombstone(scene)
    record = keys.capacity_claim(ORGANIZATION, GONE)

    assert _repair_against(scene, lambda s: s.set(HOLDERS, record, status="STATUS_CREATING")) == {"refused"}


def test_a_queue_entry_stays_if_the_tombstone_has_expired(scene: Scene) -> None:
    """What is under the id now was not read; the next audit reads it."""
    _entry_of_a_tombstone(scene)
    record = keys.capacity_claim(ORGANIZATION, GONE)

    assert _repair_against(scene, lambda s: s.delete(HOLDERS, record)) == {"refused"}
