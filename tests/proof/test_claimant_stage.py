"""Stages on which a claiming process has died have the state that they claim to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.holders.ids import keyed_holder_id
from proof.claimant_stage import KEY, booked, given_back, recorded, removed, unrecorded
from proof.interleavings import OPERATIONS
from proof.scene import Scene
from proof.tenants import SUBJECTS
from testkit.items import RESERVATION
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.stage import Stage
    from testkit.items import Record

DEAD = (f"ORG#{ORGANIZATION}", RESERVATION + keyed_holder_id(ORGANIZATION, SUBJECTS[0], KEY))
STAGES: dict[Callable[[], Stage], str] = {
    unrecorded: "nothing",
    recorded: "claiming",
    booked: "claiming",
    removed: "gone",
    given_back: "gone",
}


def _dead(scene: Scene) -> Record | None:
    return scene.ledger.records.get(DEAD)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_retry_continues_under_the_id_of_the_dead_process(stage: Callable[[], Stage]) -> None:
    scene = Scene(stage())
    found = _dead(scene)
    assert ("nothing" if found is None else found.status) == STAGES[stage]

    assert scene.play([OPERATIONS["retry"]]) == []

    made = _dead(scene)
    assert made is not None
    assert made.status == "pending"


def test_at_the_start_only_booked_racks_are_owned() -> None:
    owners = {stage: len(Scene(stage()).ledger.bookings.bookings) for stage in STAGES}

    assert {stage for stage, count in owners.items() if count > owners[unrecorded]} == {booked}


@pytest.mark.parametrize(
    ("stage", "late", "status"),
    [
        (unrecorded, "late record", "claiming"),
        (booked, "late settle", "pending"),
        (removed, "late own", "gone"),
    ],
)
def test_a_late_write_of_the_dead_process_succeeds_if_nothing_else_was_written(
    stage: Callable[[], Stage], late: str, status: str
) -> None:
    scene = Scene(stage())

    assert scene.play([OPERATIONS[late]]) == []

    found = _dead(scene)
    assert found is not None
    assert found.status == status


def test_turns_are_the_last_calls_of_an_operation_or_its_first() -> None:
    """Each has one turn before the other runs as a whole."""

    def called(name: str) -> list[str]:
        scene = Scene(booked(), (0, 1), turns=1)
        assert scene.play([OPERATIONS[name], OPERATIONS["late settle"]]) == []
        notes = [
            (actor, call) for _, actor, call, *_ in scene.cloud.notes if "_item" in call or call == "query"
        ]
        late = next(place for place, (actor, _) in enumerate(notes) if actor == "1")
        return [call for _, call in notes[:late]]

    assert called("retry begins") == ["get_item"]
    assert len(called("retry")) > 5
