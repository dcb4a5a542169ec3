"""Concurrent requests before every single call of a use case: one node, three APIs, one owner."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.errors import ActionRefused, InsufficientCapacity, RaceLost, StorageUnavailable
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import TRANSITIONS, VmStatus
from gpu_capacity.vms.schedule import restart_vms
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.dynamodb import timeout_after, timeout_before
from testkit.items import owned_in_part, owned_whole
from testkit.vms.scene import ACCOUNT, GPU5090, INTERRUPTIBLE, ON_DEMAND, REGION, Scene
from testkit.world import INVENTORY, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.vms.record import Vm

    Use = Callable[[Scene], object]

CALLS = range(14)
"""A cold create makes nine calls; later numbers come up only after a lost race, or never."""


def rents(count: int = 1, rental: object = ON_DEMAND) -> Use:
    def use(scene: Scene) -> None:
        # While a reservation of the node is tentative, the request is refused with Retry-After.
        with contextlib.suppress(ActionRefused, RaceLost):
            create_vm(
                scene.world.environment(),
                caller(),
                scene.request(count, rental),  # type: ignore[arg-type]
                ACCOUNT,
            )

    return use


def reserves(scene: Scene) -> None:
    wanted = request(1, region_id=REGION, accelerator="5090", unit="NODE")
    with contextlib.suppress(InsufficientCapacity, RaceLost):
        create_reservation(scene.world.environment(), caller(), wanted)


def claims(scene: Scene) -> None:
    wanted = Resources("5090-8x", 1, (REGION,), "CAPACITY_TYPE_CUSTOMER")
    create_capacity_claim(scene.world.environment(), caller(), wanted)


THREE_APIS = {"rents": rents(8), "rents a part": rents(2), "reserves": reserves, "claims": claims}


def race(scene: Scene, first: Use, rival: Use, number: int) -> bool:
    """Run ``first``, with all of the other before its call of that number; return whether it made so many."""
    calls = 0

    def interrupt(_operation: str) -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            scene.world.db.interrupt = _go_on
            rival(scene)

    scene.world.db.interrupt = interrupt
    try:
        first(scene)
    finally:
        scene.world.db.interrupt = _go_on
    return calls > number


def _go_on(_operation: str) -> None:
    """No other request."""


def kinds_of_owners(scene: Scene) -> list[str]:
    """How the only node is owned: ``whole``, ``hosts``, ``gpus``, some of them, or not at all."""
    items = [i for i in scene.world.db.dump()[INVENTORY] if i["pk"]["S"].startswith(f"CLAIMS#{REGION}")]
    (item,) = items
    if 0 in owned_whole(item):
        return ["whole"]
    return sorted({"gpus" if tag.startswith("g") else "hosts" for tag in owned_in_part(item).get(0, {})})


@pytest.mark.parametrize("number", CALLS)
@pytest.mark.parametrize("rival", THREE_APIS)
@pytest.mark.parametrize("first", THREE_APIS)
def test_a_node_is_sold_through_one_of_the_three_apis_only(first: str, rival: str, number: int) -> None:
    scene = Scene(count=1)
    race(scene, THREE_APIS[first], THREE_APIS[rival], number)
    kinds = kinds_of_owners(scene)
    assert len(kinds) == 1
    if kinds == ["gpus"]:
        assert scene.audit() == []


def test_a_node_with_a_vm_cannot_be_reserved_whole() -> None:
    scene = Scene(count=1)
    scene.create(1)
    reserves(scene)
    claims(scene)
    assert kinds_of_owners(scene) == ["gpus"]
    snapshot = scene.services.inventory.fresh_snapshot(REGION, GPU5090.id)
    assert snapshot.counts().available == 0
    assert all(domain.free == 0 for domain in snapshot.host_domains())


@pytest.mark.parametrize("taken", ["reserves", "claims"])
def test_a_node_that_is_owned_whole_has_no_gpu_for_a_vm(taken: str) -> None:
    scene = Scene(count=1)
    THREE_APIS[taken](scene)
    with pytest.raises(ActionRefused, match="no GPU of the node is free"):
        scene.create(1)


def acts(action: object, index: int) -> Use:
    def use(scene: Scene) -> None:
        vm = scene.made[index]
        with contextlib.suppress(ActionRefused):
            action(scene.world.environment(), caller(), vm.id, ACCOUNT)  # type: ignore[operator]

    return use


def steps(scene: Scene) -> None:
    for name in scene.engine.awake():
        scene.engine.step(name)


USES: dict[str, Use] = {
    "rents": rents(4),
    "rents interruptible": rents(4, INTERRUPTIBLE),
    "stops a guest": acts(stop_vm, 0),
    "destroys a guest": acts(destroy_vm, 0),
    "destroys the new VM": acts(destroy_vm, 2),
    "starts a guest": acts(start_vm, 0),
    "steps": steps,
    "restarts": lambda scene: restart_vms(scene.world.environment()),
}
MOMENTS = ("notice given", "notice over", "interrupted")


def at(moment: str) -> Scene:
    """Two interruptible VMs and a preemptor of one of them, at some step of the preemption."""
    scene = Scene(count=1)
    scene.made = [scene.running(4, INTERRUPTIBLE) for _ in range(2)]
    scene.made.append(scene.create(4))
    scene.engine.run()
    if moment != "notice given":
        scene.world.clock.advance(120)
    if moment == "interrupted":
        scene.engine.run()
    return scene


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("rival", USES)
@pytest.mark.parametrize("first", USES)
def test_a_concurrent_request_before_any_call_gives_no_gpu_two_owners(
    first: str, rival: str, moment: str
) -> None:
    for number in CALLS:
        scene = at(moment)
        seen = {vm.id: vm.status for vm in scene.vms()}
        called = True
        # A step whose reads straddle a change reports that, and the workflow retries it.
        with contextlib.suppress(StorageUnavailable):
            called = race(scene, USES[first], USES[rival], number)
        assert scene.audit() == []
        for vm in scene.vms():
            before = seen.get(vm.id)
            assert before is None or vm.status in reachable(before)
        scene.engine.settle()
        assert scene.audit() == []
        assert all(vm.unsettled_since is None and vm.preempted_by is None for vm in scene.vms())
        if not called:
            break


def reachable(status: VmStatus) -> set[VmStatus]:
    """The statuses that a VM can have two changes later."""
    one = {status, *TRANSITIONS[status]}
    return one | {after for middle in one for after in TRANSITIONS[middle]}


@pytest.mark.parametrize("action", [stop_vm, destroy_vm])
def test_a_write_that_timed_out_is_recognized_as_done(action: object) -> None:
    scene = Scene()
    vm = scene.running(2)
    scene.world.db.after("transact_write_items", timeout_after())
    after = action(scene.services, scene.caller, vm.id, ACCOUNT)  # type: ignore[operator]
    assert scene.now(vm).status is after.status
    assert scene.now(vm).attempt == vm.attempt + 1


def test_a_create_that_timed_out_rents_one_vm() -> None:
    scene = Scene()
    scene.world.db.after("transact_write_items", timeout_after())
    vm = scene.create(2)
    assert scene.owners() == {vm.tag: 0b11}
    assert [found.id for found in scene.vms()] == [vm.id]


@pytest.mark.parametrize("key", [None, "key-1"])
def test_after_a_refusal_for_lack_of_capacity_no_vm_appears_later(key: str | None) -> None:
    scene = Scene()
    in_flight: list[dict[str, Any]] = []

    def lose_sight(operation: str, parameters: dict[str, Any]) -> None:
        in_flight.append(deepcopy(parameters))
        rents(8)(scene)
        timeout_before()(operation, parameters)

    def rent() -> Vm:
        wanted = scene.request(8, ON_DEMAND)
        return create_vm(scene.world.environment(), caller(), wanted, ACCOUNT, idempotency_key=key)

    scene.world.db.before("transact_write_items", lose_sight)
    with pytest.raises(ActionRefused):
        rent()
    (rival,) = scene.vms()
    destroy_vm(scene.world.environment(), caller(), rival.id, ACCOUNT)
    scene.engine.settle()

    with pytest.raises(ClientError):
        scene.world.db.transact_write_items(**in_flight[0])
    assert [vm.id for vm in scene.vms()] == [rival.id]
    # A VM that was never created does not use its key up.
    assert rent().gpus == 0xFF
    assert scene.audit() == []
