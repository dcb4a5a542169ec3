"""One node and three APIs that sell it: whole, by the host, and by the GPU. Never through two of them."""

from __future__ import annotations

from functools import partial
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.errors import ActionRefused, InsufficientCapacity
from gpu_capacity.providers.port import HoldOutcome
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.observation import Observed
from gpu_capacity.reservations.read import UnitFilter, list_reservation_units
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.lifecycle import settle_vm_stop
from gpu_capacity.vms.offers import free_offers
from gpu_capacity.vms.record import Vm, VmStatus
from testkit.auditor import audit
from testkit.interleaving import every_interleaving
from testkit.items import owned_in_part, owned_whole
from testkit.reservations import provision
from testkit.vms.scene import ACCOUNT, INTERRUPTIBLE, ON_DEMAND, REGION, RESERVED, Scene
from testkit.world import INVENTORY, ORGANIZATION, caller, request
from tests.workflow.vm_stage import VmStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.runtime.services import Services
    from gpu_capacity.vms.record import RentalType

    Client = Callable[[], object]
    Buyer = Callable[[Scene, Services], object]

HOST = "host-vm01"
NOWHERE: frozenset[str] = frozenset()


def rents(count: int, rental: RentalType = ON_DEMAND) -> Buyer:
    return lambda scene, services: create_vm(services, caller(), scene.request(count, rental), ACCOUNT)


def reserves(_scene: Scene, services: Services) -> Observed:
    wanted = request(1, region_id=REGION, accelerator="5090", unit="NODE")
    return create_reservation(services, caller(), wanted)


def claims(_scene: Scene, services: Services) -> CapacityClaim:
    wanted = Resources("5090-8x", 1, (REGION,), "CAPACITY_TYPE_CUSTOMER")
    return create_capacity_claim(services, caller(), wanted)


BUYERS: dict[str, Buyer] = {
    "rents all": rents(8),
    "rents a part": rents(2),
    "rents by term": rents(4, RESERVED),
    "rents while there is room": rents(1, INTERRUPTIBLE),
    "reserves": reserves,
    "claims": claims,
}
SELLERS = {
    **dict.fromkeys(("rents all", "rents a part", "rents by term", "rents while there is room"), "gpus"),
    "reserves": "whole",
    "claims": "hosts",
}


def owners(scene: Scene) -> list[str]:
    """How the first node is owned, read from the table: ``whole``, in parts (``hosts``, ``gpus``), or not."""
    items = [i for i in scene.world.db.dump()[INVENTORY] if i["pk"]["S"].startswith(f"CLAIMS#{REGION}")]
    if 0 in owned_whole(items[0]):
        return ["whole"]
    parts = owned_in_part(items[0]).get(0, {})
    return sorted({"gpus" if tag.startswith("g") else "hosts" for tag in parts})


def got(result: object) -> bool:
    """Whether a client got something of the node; a claim that only waits for it has not."""
    if isinstance(result, CapacityClaim):
        return result.allocated == 1
    return isinstance(result, Vm | Observed)


def warm(scene: Scene) -> Services:
    """An environment with filled caches."""
    services = scene.world.environment()
    services.inventory.nodes()
    services.inventory.region(REGION)
    return services


def meet(scene: Scene, names: tuple[str, ...]) -> list[Client]:
    return [partial(BUYERS[name], scene, warm(scene)) for name in names]


def check(scene: Scene) -> None:
    """Records and node agree, and all owners of the node are of one kind."""
    assert len(owners(scene)) <= 1
    assert audit(scene.world.db) == []
    if owners(scene) in ([], ["gpus"]):
        assert scene.audit() == []


@pytest.mark.parametrize("names", list(combinations_with_replacement(BUYERS, 2)), ids=" and ".join)
def test_of_two_concurrent_requests_for_a_node_only_one_api_sells_it(names: tuple[str, str]) -> None:
    for schedule in every_interleaving(interruptions_max=2):
        scene = Scene(count=1)
        results = schedule.run_to_an_answer(scene.world.db, meet(scene, names))
        check(scene)
        sold = [SELLERS[name] for name, result in zip(names, results, strict=True) if got(result)]
        assert sold
        assert set(sold) == set(owners(scene))
        assert len(sold) == 1 or set(sold) == {"gpus"}
        refused = [result for result in results if not got(result) and not isinstance(result, CapacityClaim)]
        assert all(isinstance(result, ActionRefused | InsufficientCapacity) for result in refused)


@pytest.mark.parametrize("part", ["rents all", "rents a part"])
def test_of_three_concurrent_requests_for_a_node_one_succeeds(part: str) -> None:
    for schedule in every_interleaving(interruptions_max=1):
        scene = Scene(count=1)
        results = schedule.run_to_an_answer(scene.world.db, meet(scene, (part, "reserves", "claims")))
        check(scene)
        assert [got(result) for result in results].count(True) == 1


# The owner gives it back while another one asks for it.


def _vm_leaves(scene: Scene) -> Callable[[Services], object]:
    vm = scene.running(8)
    destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    while scene.services.vm_provider.server(vm.server_owner) is not None:
        assert scene.engine.go_on()
    return lambda services: settle_vm_stop(services, ORGANIZATION, vm.id)


def _reservation_leaves(scene: Scene) -> Callable[[Services], object]:
    made = reserves(scene, scene.services).reservation
    assert provision(scene.world, made.id)["outcome"] == "done"
    delete_reservation(scene.services, caller(), made.id, NOWHERE)
    scene.services.provider.release(made.server_owner, [HOST])
    scene.world.clock.advance(scene.world.behaviour.delete_seconds)
    return lambda services: release_reservation(services, ORGANIZATION, made.id)


def _claim_leaves(scene: Scene) -> Callable[[Services], object]:
    made = claims(scene, scene.services)
    delete_capacity_claim(scene.services, caller(), made.id)
    return lambda services: settle_capacity_claim(services, ORGANIZATION, made.id)


LEAVERS = {"gpus": _vm_leaves, "whole": _reservation_leaves, "hosts": _claim_leaves}


@pytest.mark.parametrize("name", ["rents all", "rents a part", "reserves", "claims"])
@pytest.mark.parametrize("left", LEAVERS)
def test_a_node_given_back_during_another_request_has_one_owner_or_none(left: str, name: str) -> None:
    ends = set()
    prepared = Scene(count=1)
    leave = LEAVERS[left](prepared)
    # A claim makes more calls than the others, and another request may run before each of them.
    for schedule in every_interleaving(interruptions_max=1 if name == "claims" else 2):
        scene = prepared.twin()
        leaver, buyer = warm(scene), warm(scene)
        result = schedule.run(
            scene.world.db,
            [lambda: leave(leaver), lambda: BUYERS[name](scene, buyer)],  # noqa: B023 - run within this round
        )[1]
        check(scene)
        assert owners(scene) == ([SELLERS[name]] if got(result) else [])
        if not got(result):
            # It asked too early, and would get it now; a waiting claim gets it without another request.
            fill_zones(scene.world.environment())
            if name != "claims":
                assert got(BUYERS[name](scene, scene.world.environment()))
            assert owners(scene) == [SELLERS[name]]
        ends.add(got(result))
    assert ends == {True, False}


# A node with a VM is not available whole, and a node owned whole has no VM.


def offered(scene: Scene) -> tuple[int, int, int]:
    """The free units, free hosts and free GPUs that the APIs show for the two nodes."""
    services = scene.world.environment()
    ((offering, units),) = list_reservation_units(services, caller(), UnitFilter())
    snapshot = services.inventory.fresh_snapshot(REGION, offering.flavor.id)
    hosts = sum(domain.free.bit_count() for domain in snapshot.host_domains())
    return units.available, hosts, sum(offer.free.bit_count() for offer in free_offers(services))


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("rents all", (1, 1, 8)),
        ("rents a part", (1, 1, 14)),
        ("rents while there is room", (1, 1, 15)),
        ("reserves", (1, 1, 8)),
        ("claims", (1, 1, 8)),
    ],
)
def test_each_api_offers_only_what_the_others_have_left(name: str, left: tuple[int, int, int]) -> None:
    scene = Scene()
    assert offered(scene) == (2, 2, 16)
    assert got(BUYERS[name](scene, scene.services))
    assert offered(scene) == left


def test_a_vm_of_one_gpu_blocks_its_node_for_both_other_apis_until_it_has_left() -> None:
    scene = Scene(count=1)
    vm = scene.running(1)
    with pytest.raises(InsufficientCapacity):
        reserves(scene, scene.services)
    waits = claims(scene, scene.services)
    assert waits.pending == 1
    destroy_vm(scene.services, scene.caller, vm.id, ACCOUNT)
    scene.engine.settle()
    assert scene.world.events.zones == [REGION]
    fill_zones(scene.services, scene.world.events.zones)
    assert owners(scene) == ["hosts"]
    with pytest.raises(ActionRefused, match="no GPU of the node is free"):
        scene.create(1)


def test_a_stopped_vm_blocks_its_node_only_if_it_keeps_its_gpus() -> None:
    for rental, kept in ((RESERVED, ["gpus"]), (ON_DEMAND, [])):
        stage = VmStage()
        stage.stop(stage.rent_and_run(1, rental))
        stage.engine.settle()
        assert owners(stage) == kept


def _reserving(stage: VmStage) -> Client:
    """Reserves again and again."""

    def ask() -> object:
        try:
            return reserves(stage, stage.services)
        except InsufficientCapacity as refused:
            return refused

    return ask


def _claiming(stage: VmStage) -> Client:
    """Claims once, and is served again and again."""
    waits = claims(stage, stage.services)

    def ask() -> object:
        fill_zones(stage.services)
        return stage.services.claims.get(ORGANIZATION, waits.id)

    return ask


ASKING = {"reserves": _reserving, "claims": _claiming}


@pytest.mark.parametrize("name", ASKING)
def test_a_node_is_not_sold_whole_while_the_server_of_an_interrupted_vm_still_exists(name: str) -> None:
    """Its GPUs went to a new VM, which is destroyed before it had a server of its own."""
    stage = VmStage(delete_seconds=60)
    guest = stage.rent_and_run(8, INTERRUPTIBLE)
    new_vm = stage.rent(8)
    while stage.now(guest).status is not VmStatus.INTERRUPTED:
        stage.engine.go_on()
    stage.destroy(new_vm)
    ask = ASKING[name](stage)
    while not got(ask()):
        assert stage.engine.go_on(), "nobody ever gets it"
    assert stage.live_servers() == {}
    assert stage.services.provider.hold("another", REGION, [HOST]) == {HOST: HoldOutcome.HELD}
