"""Nodes on which every kind of VM operation has something to do, prepared once and copied for each run.

Three nodes of eight GPUs: one is free; on one an interruptible VM of four GPUs is preempted by a VM that
wants all eight, and its notice is over; one belongs to a running VM. The module has the operations of
clients, tasks and the other two APIs there, for ``interleavings``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from gpu_capacity.accounts.account import Account
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.lifecycle import (
    begin_vm_start,
    complete_vm_start,
    settle_vm_stop,
    start_vm_server,
    sweep_vm_server,
)
from gpu_capacity.vms.record import RentalType
from proof.claims import Claims
from proof.cloud import Cloud
from proof.faults import Work
from proof.fleet import LONDON, Fleet
from proof.reservations import Reservations, of_nodes
from proof.stage import CALM_PROFILE, Stage
from proof.vms import Vms, wanted
from testkit.items import VM
from testkit.vms.scene import GPU5090
from testkit.world import ORGANIZATION, caller, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from proof.fleet import Shape
    from proof.scene import Scene, Start
    from testkit.items import RecordKey

NODES: Final[Shape] = {LONDON: {"lon9": 3}}
FREE, TAKEN, FULL = (f"lon9-node{position:02}" for position in range(3))
CLAIM_IDS: Final = tuple(f"0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6e1{number}" for number in range(3))


@cache
def prepared_nodes() -> Stage:
    """The stage that the module describes."""
    # Not the seed of the runs: their first VMs would have the same ids.
    cloud = Cloud(1, replace(CALM_PROFILE, nodes=NODES), still=True)
    began = cloud.clock.now()
    fleet = Fleet({LONDON: {}}, NODES)
    cloud.synchronize(fleet.publish())
    services = cloud.environment().services
    holders = {
        "guest": _running(services, TAKEN, 4, RentalType.INTERRUPTIBLE),
        "leaving": _running(services, FULL, 8, RentalType.ON_DEMAND),
    }
    cloud.clock.advance(1)
    holders["newcomer"] = _rented(services, TAKEN, 8, RentalType.ON_DEMAND)
    cloud.clock.advance(CALM_PROFILE.notice_seconds)
    return Stage(cloud.db, cloud.clock.now() - began, holders, _documents(fleet))


def _documents(fleet: Fleet) -> tuple[bytes, ...]:
    """Documents that break or repair the free node."""
    documents = []
    for state in ("unhealthy", "in_service", "out_of_service"):
        fleet.racks("lon9")[0]["hosts"][0]["state"] = state
        documents.append(fleet.publish())
    return tuple(documents)


def _rented(services: Services, node: str, count: int, rental: RentalType) -> RecordKey:
    account = Account(ORGANIZATION, caller().subject)
    vm = create_vm(services, caller(), wanted(node, count, rental), account)
    return f"ORG#{ORGANIZATION}", VM + vm.id


def _running(services: Services, node: str, count: int, rental: RentalType) -> RecordKey:
    holder = _rented(services, node, count, rental)
    for step in (begin_vm_start, start_vm_server, complete_vm_start):
        step(services, ORGANIZATION, holder[1].removeprefix(VM))
    return holder


def _step(scene: Scene, name: str, holder: str) -> None:
    """A task of a VM's workflow."""
    steps = {
        "begin_vm_start": begin_vm_start,
        "sweep_vm_server": sweep_vm_server,
        "settle_vm_stop": settle_vm_stop,
    }
    vm_id = scene.holders[holder][1].removeprefix(VM)
    scene.cloud.invoke("task", Work(name), lambda e: steps[name](e.services, ORGANIZATION, vm_id))


def _destroys(scene: Scene, holder: str) -> None:
    Vms(NODES).end(scene.who, scene.holders[holder])


def _leaves(scene: Scene, holder: str) -> None:
    """A customer destroys a VM, and its workflow takes the server away and gives the GPUs back."""
    _destroys(scene, holder)
    _step(scene, "sweep_vm_server", holder)
    scene.cloud.clock.advance(5)
    _step(scene, "settle_vm_stop", holder)


def rent(scene: Scene, _number: int) -> None:
    """A customer rents all of the free node."""
    Vms(NODES).create(scene.who, FREE, 8, RentalType.ON_DEMAND)


def rent_full(scene: Scene, _number: int) -> None:
    """A customer rents a half of the node that a VM has."""
    Vms(NODES).create(scene.who, FULL, 4, RentalType.ON_DEMAND)


def reserve_node(scene: Scene, number: int) -> None:
    """A customer reserves a node."""
    Reservations().create(scene.who, of_nodes(request(1, region_id=LONDON)), f"key-{number}")


def claim_node(scene: Scene, number: int) -> None:
    """A customer claims an instance, and a round fills it."""
    resources = Resources(str(GPU5090.instance_type), 1, (LONDON,), "CAPACITY_TYPE_CUSTOMER")
    identity = CLAIM_IDS[number]
    Claims().create(scene.who, resources, identity, None)
    scene.cloud.invoke(
        "task",
        Work("settle_capacity_claim"),
        lambda e: settle_capacity_claim(e.services, ORGANIZATION, identity),
    )


def preempt(scene: Scene, _number: int) -> None:
    """The notice is over: the preemptor's workflow interrupts the preempted VM."""
    _step(scene, "begin_vm_start", "newcomer")


def vm_leaves(scene: Scene, _number: int) -> None:
    """The VM that has a whole node is destroyed, and releases it."""
    _leaves(scene, "leaving")


def destroy_guest(scene: Scene, _number: int) -> None:
    """A customer destroys the preempted VM."""
    _destroys(scene, "guest")


def guest_leaves(scene: Scene, _number: int) -> None:
    """The same, and it gives its GPUs back."""
    _leaves(scene, "guest")


def destroy_newcomer(scene: Scene, _number: int) -> None:
    """A customer destroys the preemptor."""
    _destroys(scene, "newcomer")


def newcomer_leaves(scene: Scene, _number: int) -> None:
    """The same, and it gives back what it had at once."""
    _leaves(scene, "newcomer")


def sync_nodes(scene: Scene, number: int) -> None:
    """The sync applies a document; each sync applies the next one."""
    scene.cloud.synchronize(scene.documents[number])


OPERATIONS: Final[dict[str, Start]] = {
    "rent": rent,
    "rent full": rent_full,
    "reserve node": reserve_node,
    "claim node": claim_node,
    "preempt": preempt,
    "VM leaves": vm_leaves,
    "destroy guest": destroy_guest,
    "guest leaves": guest_leaves,
    "destroy newcomer": destroy_newcomer,
    "newcomer leaves": newcomer_leaves,
    "sync nodes": sync_nodes,
}
PAIRS: Final = (
    ("rent", "rent"),
    ("rent", "reserve node"),
    ("rent", "claim node"),
    ("VM leaves", "rent full"),
    ("preempt", "destroy guest"),
    ("preempt", "destroy newcomer"),
    ("preempt", "guest leaves"),
    ("guest leaves", "destroy newcomer"),
    ("preempt", "preempt"),
    ("sync nodes", "rent"),
)
TRIPLES: Final = (
    ("rent", "reserve node", "claim node"),
    ("preempt", "destroy guest", "destroy newcomer"),
    ("preempt", "guest leaves", "newcomer leaves"),
    ("sync nodes", "rent", "reserve node"),
)
