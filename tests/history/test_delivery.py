"""No event is lost, and those of a holder come in their order, whatever fails and how often."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.history.event import cloud_event
from gpu_capacity.history.stream import events_of
from gpu_capacity.reservations.create import create_reservation
from testkit.history import Told
from testkit.stream import FunctionDied
from testkit.workflow.stage import Stage
from testkit.world import caller, request

if TYPE_CHECKING:
    from testkit.stream import Entry

BUS_FAULTS = st.lists(st.sampled_from(["", "", "refused", "half", "lost", "died", "died late"]), max_size=40)
DATABASE_FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["put_item", "transact_write_items", "get_item"]),
        st.booleans(),
        st.integers(0, 12),
        st.integers(1, 3),
    ),
    max_size=8,
)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=6)


def _lives() -> tuple[Stage, Told]:
    """Three reservations of one organization, in turns; one is deleted while it is provisioned."""
    stage = Stage(quota=False)
    told = Told(stage.world)
    made = [stage.reserve(1), stage.reserve(2)]
    stage.run_in_turns()
    stage.delete(made[0])
    made.append(stage.reserve(1))
    stage.delete(made[2])
    stage.run_all()
    stage.delete(made[1])
    stage.run_all()
    return stage, told


def _expected(entries: list[Entry]) -> dict[str, list[dict[str, Any]]]:
    """The events of each subject in their order, from the stream alone."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        for event in map(cloud_event, events_of(entry)):
            found[event["subject"]].append(event)
    return found


@given(bus=BUS_FAULTS, database=DATABASE_FAULTS, sizes=SIZES)
def test_every_event_is_told_in_the_order_of_its_holder_whatever_fails(
    bus: list[str], database: list[tuple[str, bool, int, int]], sizes: list[int]
) -> None:
    stage, told = _lives()
    told.bus.faults = list(bus)
    for operation, after, skip, times in database:
        when = stage.world.db.after if after else stage.world.db.before
        when(operation, _die, times=times, skip=skip)
    for turn in range(60):
        told.reader.turn(sizes[turn % len(sizes)])
    stage.world.db.calm()
    told.bus.faults.clear()
    told.reader.drain(sizes[0])

    expected = _expected(told.stream.entries)
    assert len(expected) == 3
    for subject, events in expected.items():
        first_told = list(dict.fromkeys(e["id"] for e in told.bus.taken if e["subject"] == subject))
        assert first_told == [event["id"] for event in events]
    kept = [json.loads(item["event"]["S"]) for item in told.history() if "event" in item]
    everything = [event for events in expected.values() for event in events]
    assert sorted(kept, key=str) == sorted(everything, key=str)


def _die(_operation: str, _parameters: object) -> None:
    raise FunctionDied


def test_what_was_told_and_recorded_is_not_told_again() -> None:
    _, told = _lives()
    told.reader.drain()
    puts, kept = told.bus.puts, told.history()

    told.reader.position = 0
    told.reader.drain(7)

    assert told.bus.puts == puts
    assert told.history() == kept


def test_after_a_failure_other_holders_of_the_batch_are_told_and_its_own_wait() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    first, second = stage.reserve(1), stage.reserve(1)
    stage.run_in_turns()
    told.bus.faults = ["refused"]
    told.reader.turn()

    assert told.bus.words(f"reservations/{first}") == []
    assert told.bus.words(f"reservations/{second}") == ["created", "accepted", "changed", "provisioned"]
    assert told.reader.left

    told.reader.drain()
    assert told.bus.words(f"reservations/{first}") == ["created", "accepted", "changed", "provisioned"]
    assert told.bus.words(f"reservations/{second}") == ["created", "accepted", "changed", "provisioned"]


def test_a_record_that_nobody_can_read_is_kept_as_a_letter_and_holds_up_nothing() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    create_reservation(stage.services, caller(), request(1))
    stage.run_all()
    told.stream.entries[1]["dynamodb"]["NewImage"]["status"] = {"S": "never heard of"}
    told.reader.drain()

    (letter,) = told.bus.letters
    assert letter["entry"] == told.stream.entries[1]
    assert stage.world.telemetry.counts["RecordsUnreadable"] == 1
    assert told.bus.words()[-1] == "provisioned"


def test_a_letter_that_is_not_kept_is_tried_again() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    create_reservation(stage.services, caller(), request(1))
    told.stream.entries[0]["dynamodb"]["NewImage"]["status"] = {"S": "never heard of"}
    told.bus.faults = ["refused"]
    told.reader.turn(1)
    assert (told.reader.position, told.bus.letters) == (0, [])

    told.reader.drain()
    assert len(told.bus.letters) == 1
