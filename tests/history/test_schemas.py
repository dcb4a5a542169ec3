"""The schemas in docs/events describe every event that is told, and their own examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from gpu_capacity.accounts.account import Account
from gpu_capacity.history.event import Event, Facts, Kind, Word, cloud_event
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import RentalType
from testkit.claims import calm, claim, drop
from testkit.history import Told
from testkit.kinds import Placements
from testkit.vms.scene import Scene
from testkit.workflow.stage import Stage
from testkit.world import ORGANIZATION, World, caller, pod

FOLDER: Final = Path(__file__).parents[2] / "docs" / "events"
SCHEMAS: Final = {p.name.split(".")[0]: json.loads(p.read_text("utf-8")) for p in FOLDER.glob("*.json")}


def check(event: dict[str, Any]) -> None:
    """Check an event against the schema that it names."""
    schema = next(s for s in SCHEMAS.values() if s["$id"] == event["dataschema"])
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(event)
    # Receivers must ignore fields that they do not know. So a schema allows any, and we send none beside it.
    assert set(event) <= set(schema["properties"])
    assert set(event["data"]) <= set(schema["properties"]["data"]["properties"])


def test_there_is_a_schema_for_each_kind() -> None:
    assert set(SCHEMAS) == {kind.value for kind in Kind}
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_the_example_of_a_schema_is_one(kind: str) -> None:
    (example,) = SCHEMAS[kind]["examples"]
    check(example)


def test_every_word_is_in_a_schema() -> None:
    told = (s["properties"]["data"]["properties"]["event"]["enum"] for s in SCHEMAS.values())
    words = {word for some in told for word in some}
    assert words == {word.value for word in Word}


def _lives() -> list[dict[str, Any]]:
    """All events of lives of every kind."""
    stage = Stage(quota=False)
    reserved = Told(stage.world)
    stage.world.services.quotas.set_limit(ORGANIZATION, "GB300", 8)
    made = stage.reserve(2)
    stage.settle(made)
    stage.delete(made)
    stage.run_all()

    kind = Placements()
    placed = Told(kind.world)
    kind.end(kind.create(2))

    world = World(pods=(pod("pod1", 2),))
    claimed = Told(world)
    wanted = claim(world, 6)
    drop(world, wanted)
    calm(world)

    scene = Scene(count=1)
    rented = Told(scene.world)
    scene.running(8, RentalType.INTERRUPTIBLE)
    vm = scene.create(8)
    scene.engine.settle()
    destroy_vm(scene.services, caller(), vm.id, Account(ORGANIZATION, vm.subject))
    scene.engine.settle()

    everybody = (reserved, placed, claimed, rented)
    for told in everybody:
        told.reader.drain()
    return [event for told in everybody for event in told.bus.taken]


def test_every_event_of_every_kind_is_as_its_schema_says() -> None:
    events = _lives()
    assert {event["data"]["kind"] for event in events} == set(SCHEMAS)
    for event in events:
        check(event)


def test_an_event_is_a_value_of_its_change() -> None:
    facts = Facts(kind=Kind.VM, id="1", organization_id="o", life="ab", revision=7, status="running", gpus=2)
    event = cloud_event(Event(Word.CREATED, facts, 1_780_000_000, 1))
    assert (event["id"], event["sequence"]) == ("ab.7.1", "000000000007.1")
    assert event["type"] == "gpu-capacity.vm.created.v1"
    assert event["time"] == "2026-05-28T20:26:40Z"
    check(event)
