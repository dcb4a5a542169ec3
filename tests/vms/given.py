"""States that may precede a step of a VM's workflows, behind the handlers of a functional stage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.accounts.account import Account
from gpu_capacity.runtime import composition
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import AuthMethod, Login, RentalType, Vm
from gpu_capacity.vms.request import VmRequest
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.handlers import arrangements
from testkit.handlers.vm_stage import SAMPLE_VM, ChosenIds
from testkit.world import ORGANIZATION, caller

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services
    from testkit.handlers.stage import Stage

ACCOUNT: Final = Account(ORGANIZATION, "user-1")
GUEST: Final = "beef0d44-0d44-4b50-8888-8dd25736052b"
FAILURE: Final = "the server failed: simulated hardware fault"
NODES_REGION: Final = "eu-ams-1"


def nodes(stage: Stage) -> None:
    """The sample fleet's VM nodes are in the inventory, and nothing is rented."""
    arrangements.publish(stage, regions=(NODES_REGION,))
    stage.run_event("sync_inventory", "scheduled")


def created(stage: Stage) -> None:
    """A VM of four GPUs was accepted."""
    nodes(stage)
    rent(SAMPLE_VM, 4)


def reserved(stage: Stage) -> None:
    """A VM reserved for a month, of a whole node, runs."""
    nodes(stage)
    rent(SAMPLE_VM, 8, RentalType.RESERVED)
    start(stage, SAMPLE_VM)


def interruptible(stage: Stage) -> None:
    """An interruptible VM of a whole node runs."""
    nodes(stage)
    rent(SAMPLE_VM, 8, RentalType.INTERRUPTIBLE)
    start(stage, SAMPLE_VM)


def given_notice(stage: Stage) -> None:
    """An interruptible VM of another organization has notice because of it."""
    nodes(stage)
    rent(GUEST, 8, RentalType.INTERRUPTIBLE)
    start(stage, GUEST)
    rent(SAMPLE_VM, 4)


def over(stage: Stage) -> None:
    """The notice is over."""
    given_notice(stage)
    stage.clock.advance(120)


def vacating(stage: Stage) -> None:
    """The victim is interrupted, and its server is still there."""
    over(stage)
    stage.run_event("vm_steps", "begin_vm_start")


def begun(stage: Stage) -> None:
    """The preemptor has all of its GPUs."""
    created(stage)
    stage.run_event("vm_steps", "begin_vm_start")


def served(stage: Stage) -> None:
    """Its server is coming up."""
    begun(stage)
    stage.run_event("vm_steps", "start_vm_server")


def up(stage: Stage) -> None:
    """Its server is up."""
    served(stage)
    stage.clock.advance(60)


def late(stage: Stage) -> None:
    """Its server is up, and more time has passed than a start may take."""
    begun(stage)
    stage.clock.advance(10_000)


def running(stage: Stage) -> None:
    """It runs."""
    up(stage)
    stage.run_event("vm_steps", "complete_vm_start")


def given_up(stage: Stage) -> None:
    """Its start was given up."""
    served(stage)
    stage.run_event("vm_steps", "abandon_vm_start_server_failed")


def given_up_and_swept(stage: Stage) -> None:
    """Its start was given up, and no server is left."""
    given_up(stage)
    sweep(stage, SAMPLE_VM)


def stopping(stage: Stage) -> None:
    """Its user stops it."""
    running(stage)
    stop_vm(services(), caller(), SAMPLE_VM, ACCOUNT)


def stopping_and_swept(stage: Stage) -> None:
    """Its user stops it, and no server is left."""
    stopping(stage)
    sweep(stage, SAMPLE_VM)


def destroyed(stage: Stage) -> None:
    """Its user destroys it."""
    running(stage)
    destroy_vm(services(), caller(), SAMPLE_VM, ACCOUNT)


def destroyed_and_swept(stage: Stage) -> None:
    """Its user destroys it, and no server is left."""
    destroyed(stage)
    sweep(stage, SAMPLE_VM)


def left(stage: Stage) -> None:
    """The victim has given back its GPUs."""
    vacating(stage)
    stop(stage, GUEST)
    stage.run_event("vm_steps", "start_vm_server")
    stage.clock.advance(60)
    stage.run_event("vm_steps", "complete_vm_start")
    destroy_vm(services(), caller(), SAMPLE_VM, ACCOUNT)
    stop(stage, SAMPLE_VM)


def offline(stage: Stage) -> None:
    """Its node disappeared from the inventory, was checked, and is back."""
    running(stage)
    document = arrangements.publish(stage, 2, (NODES_REGION,))
    publish_without_domains(stage, document)
    stage.run_event("sync_inventory", "scheduled")
    stage.run_event("watch_vm_nodes", "scheduled")
    arrangements.publish(stage, 3, (NODES_REGION,))
    stage.run_event("sync_inventory", "scheduled")


def term_over(stage: Stage) -> None:
    """Its term is over while it is stopped."""
    reserved(stage)
    stop_vm(services(), caller(), SAMPLE_VM, ACCOUNT)
    stop(stage, SAMPLE_VM)
    stage.clock.advance(40 * 86_400)


def failed(stage: Stage) -> None:
    """It failed."""
    given_up_and_swept(stage)
    stage.run_event("vm_steps", "fail_vm_start")


def publish_without_domains(stage: Stage, document: dict[str, Any]) -> None:
    """Half of the nodes are no longer reported: the first of them is vm01."""
    for region in document["regions"]:
        for pod in region["pods"]:
            pod["domains"] = [d for d in pod["domains"] if "vm01" not in json.dumps(d)]
    stage.bucket.content = json.dumps(document).encode()


def services() -> Services:
    """The services behind the handlers."""
    return composition.services()


def rent(vm_id: str, count: int, rental: RentalType = RentalType.ON_DEMAND) -> Vm:
    """Rent GPUs of vm01 under a known id."""
    ids = ChosenIds()
    ids.chosen = [vm_id]
    request = VmRequest(
        node="vm01",
        gpu_type="5090",
        gpu_count=count,
        storage_gb=100,
        template_vmid=101,
        rental_type=rental,
        reservation_months=1 if rental is RentalType.RESERVED else None,
        login=Login(AuthMethod.SSH_KEY, "key-1", "ssh-ed25519 AAAA"),
    )
    return create_vm(replace(services(), ids=ids), caller(), request, ACCOUNT)


def step(vm_id: str) -> dict[str, str]:
    """The input of a task."""
    return {"organization": ORGANIZATION, "vm": vm_id}


def start(stage: Stage, vm_id: str) -> None:
    """All steps until it runs."""
    stage.run_step("begin_vm_start", step(vm_id))
    stage.run_step("start_vm_server", step(vm_id))
    stage.clock.advance(60)
    assert stage.run_step("complete_vm_start", step(vm_id))["outcome"] == "running"


def restart(stage: Stage) -> None:
    """Its user starts it again."""
    start_vm(services(), caller(), SAMPLE_VM, ACCOUNT)


def sweep(stage: Stage, vm_id: str) -> None:
    """Its server goes away."""
    while stage.run_step("sweep_vm_server", step(vm_id))["outcome"] != "gone":
        stage.clock.advance(5)


def stop(stage: Stage, vm_id: str) -> None:
    """All steps of a stop."""
    sweep(stage, vm_id)
    assert stage.run_step("settle_vm_stop", step(vm_id))["outcome"] == "settled"
