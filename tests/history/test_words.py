"""Which events the life of each kind of holder makes, read from the stream of its real records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.accounts.account import Account
from gpu_capacity.dynamodb import keys
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import RentalType
from testkit.claims import LONDON, calm, claim, drop
from testkit.history import Told
from testkit.kinds import Placements
from testkit.vms.scene import Scene
from testkit.workflow.stage import Stage
from testkit.world import HOLDERS, ORGANIZATION, World, caller, pod, request


def test_a_reservation_is_created_accepted_provisioned_ended_and_released() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    made = stage.reserve(2)
    stage.settle(made)
    stage.delete(made)
    stage.run_all()

    assert told.words() == ["created", "accepted", "changed", "provisioned", "ended", "released"]
    statuses = [event["data"]["status"] for event in told.bus.taken]
    assert statuses == ["pending", "pending", "provisioning", "provisioned", "deprovisioning", "gone"]
    assert [event["data"]["hosts"] for event in told.bus.taken] == [4, 4, 4, 4, 4, 0]


def test_a_claiming_record_is_told_to_nobody_also_if_it_is_removed() -> None:
    world = World(pods=(pod("pod1", 4),))
    told = Told(world)
    world.db.before("update_item", _refuse, times=None)
    with pytest.raises(ConnectionError):
        create_reservation(world.services, caller(), request(1))
    world.db.calm()

    assert told.stream.entries
    assert told.words() == []


def _refuse(_operation: str, _parameters: object) -> None:
    raise ConnectionError


def test_a_reservation_that_fails_says_why() -> None:
    unfit = SimulatedBehaviour(failure_share=1.0)
    stage = Stage(World(pods=(pod("pod1", 4),), behaviour=unfit, trusting=True), quota=False)
    told = Told(stage.world)
    stage.settle(stage.reserve(1))

    assert "provisioned" not in told.words()
    failed = next(event for event in told.bus.taken if event["data"]["event"] == "failed")
    assert failed["data"]["message"]
    assert failed["data"]["status"] == "error"


def test_a_placement_has_the_same_words() -> None:
    kind = Placements()
    told = Told(kind.world)
    made = kind.create(2)
    kind.end(made)

    assert told.words("placements/") == ["created", "accepted", "ended", "released"]
    assert "changed" in told.words("reservations/"), "its reservation shows that hosts are taken"


def test_a_capacity_claim_is_accepted_when_it_has_all_its_instances() -> None:
    world = World(pods=(pod("pod1", 2),))
    told = Told(world)
    made = claim(world, 6)
    assert told.words() == ["created", "changed"]
    assert told.bus.taken[-1]["data"]["hosts"] == 4

    world.load((pod("pod2", 1),))
    world.events.freed(LONDON)
    calm(world)
    assert told.words()[-1] == "accepted"
    assert told.bus.taken[-1]["data"]["hosts"] == 6

    drop(world, made)
    calm(world)
    assert told.words()[-3:] == ["ended", "changed", "released"]


def test_a_vm_is_told_of_its_interruption_before_it_happens() -> None:
    scene = Scene(count=1)
    told = Told(scene.world)
    victim = scene.running(8, RentalType.INTERRUPTIBLE)
    assert told.words() == ["created", "accepted", "changed", "provisioned"]

    scene.create(8)
    told.reader.drain()
    (notice,) = [e for e in told.bus.taken if e["data"]["event"] == "interruption_announced"]
    assert notice["subject"] == f"vms/{victim.id}"
    assert notice["data"]["effectiveAt"] > notice["time"]

    scene.engine.settle()
    mine = told.words(f"vms/{victim.id}")
    assert mine.index("interruption_announced") < mine.index("interrupted")


def test_a_destroyed_vm_is_released_when_its_server_is_gone_and_its_sweep_is_told_to_nobody() -> None:
    scene = Scene(count=1)
    told = Told(scene.world)
    vm = scene.running(2)
    destroy_vm(scene.services, caller(), vm.id, Account(ORGANIZATION, vm.subject))
    assert told.words()[-1] == "ended"

    scene.engine.settle()
    assert told.words()[-1] == "released"

    key = keys.vm(ORGANIZATION, vm.id)
    scene.world.db.delete_item(TableName=HOLDERS, Key=key)
    assert told.words()[-1] == "released"
    assert told.words().count("released") == 1


def test_a_new_limit_is_told_and_the_use_of_a_quota_is_not() -> None:
    world = World(pods=(pod("pod1", 4),))
    told = Told(world)
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 8)
    create_reservation(world.services, caller(), request(1))
    world.services.quotas.set_limit(ORGANIZATION, "GB300", 4)

    assert told.words("quotas/") == ["changed", "changed"]
    first, second = (event["data"] for event in told.bus.taken if event["subject"] == "quotas/GB300")
    assert first["limit"] == 8
    assert "limitBefore" not in first
    assert (second["limit"], second["limitBefore"]) == (4, 8)


def test_the_next_holder_of_an_id_has_a_life_of_its_own() -> None:
    world = World(pods=(pod("pod1", 4),))
    told = Told(world)
    made = create_reservation(world.services, caller(), request(1)).reservation
    other = replace(made, life=b"another!", revision=1)
    world.services.reservations._database.commit(  # the tombstone in between was never seen
        world.services.reservations._put(world.services.reservations._kind.encode(other), made)
    )

    assert told.words() == ["created", "accepted", "released", "created", "accepted"]
    assert len({event["id"] for event in told.bus.taken}) == 5
