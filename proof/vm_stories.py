"""Stories of VMs for the crash points; see ``crashes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.holders.quota import VMS
from gpu_capacity.vms.record import RentalType
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from proof.fleet import LONDON
from proof.vms import Vms
from proof.wire import TRANSACTION
from testkit.dynamodb import timeout_before
from testkit.items import GONE, VM
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.fleet import Shape
    from proof.story import Story
    from testkit.items import RecordKey

NODES: Final[Shape] = {LONDON: {"lon9": 1}}
NODE, BOARD = "lon9-node00", "lon9-node00-board"
_FOR_EVER: Final = 2_000_000_000


def _rents(story: Story, count: int, rental: RentalType = RentalType.ON_DEMAND) -> None:
    story.asks(lambda: Vms(NODES).create(story.who, NODE, count, rental))


def _one(story: Story, number: int) -> RecordKey | None:
    """A VM by the order of creation, if it was created."""
    made = [
        key for key, record in story.ledger.records.items() if key[1].startswith(VM) and record.status != GONE
    ]
    return made[number] if number < len(made) else None


def _asks(story: Story, number: int, run: Callable[[Vms, RecordKey], object]) -> None:
    if (holder := _one(story, number)) is not None:
        story.asks(lambda: run(Vms(NODES), holder))


def _ends(story: Story, number: int) -> None:
    _asks(story, number, lambda vms, holder: vms.end(story.who, holder))


def life_of_a_vm(story: Story) -> None:
    """A VM is rented, runs, is stopped, started again, and destroyed."""
    _rents(story, 4)
    _asks(story, 0, lambda vms, holder: vms.change(story.who, "stop_vm", holder, stop_vm))
    _asks(story, 0, lambda vms, holder: vms.change(story.who, "start_vm", holder, start_vm))
    _ends(story, 0)


def preemption(story: Story) -> None:
    """An interruptible VM is preempted, and is started again when the preemptor is gone."""
    _rents(story, 8, RentalType.INTERRUPTIBLE)
    _rents(story, 4)
    _ends(story, 1)
    story.comes_round(story.cloud.restart_vms)


def stubborn_guest(story: Story) -> None:
    """An interrupted VM's server stays for a while; a neighbour leaves, and the restarts run."""
    cloud = story.cloud
    _rents(story, 4)
    _rents(story, 4, RentalType.INTERRUPTIBLE)
    if (guest := _one(story, 1)) is not None:
        cloud.troubles[f"{guest[1].removeprefix(VM)}-1"] = ("stays", cloud.clock.now() + 60)

    def rent_and_leave() -> None:
        Vms(NODES).create(story.who, NODE, 4, RentalType.ON_DEMAND)
        cloud.turns.sleep(12_000)
        if (neighbour := _one(story, 0)) is not None:
            Vms(NODES).end(story.who, neighbour)
        cloud.turns.sleep(12_000)
        cloud.endure(cloud.restart_vms)

    story.asks(rent_and_leave)
    story.comes_round(cloud.restart_vms)


def failed_start(story: Story) -> None:
    """The server fails; the GPUs are released, and the customer destroys the VM."""
    story.cloud.troubles[BOARD] = ("fails", _FOR_EVER)
    _rents(story, 2)
    _ends(story, 0)


def destroyed_during_start(story: Story) -> None:
    """The customer destroys the VM while its server comes up."""

    def rent_and_destroy() -> None:
        Vms(NODES).create(story.who, NODE, 8, RentalType.ON_DEMAND)
        story.cloud.turns.sleep(900)
        if (holder := _one(story, 0)) is not None:
            Vms(NODES).end(story.who, holder)

    story.asks(rent_and_destroy)


def lost_node(story: Story) -> None:
    """The node of a VM is removed, and returns."""
    _rents(story, 8)
    nodes = story.fleet.racks("lon9")
    taken = nodes.pop()
    story.syncs()
    story.comes_round(story.cloud.watch_vm_nodes)
    nodes.append(taken)
    story.syncs()
    story.comes_round(story.cloud.watch_vm_nodes)


def end_of_a_term(story: Story) -> None:
    """A reserved VM is stopped when its term ends."""
    _rents(story, 8, RentalType.RESERVED)
    _asks(story, 0, lambda vms, holder: vms.change(story.who, "stop_vm", holder, stop_vm))
    story.cloud.clock.advance(32 * 86_400)
    story.comes_round(story.cloud.end_vm_terms)
    _rents(story, 8)


def unheard_create(story: Story) -> None:
    """A create gets no answer, and its retry is refused, because there is a limit by then. It lands later.

    Then the customer rents another one, and destroys it.
    """
    cloud = story.cloud

    def lose(operation: str, parameters: dict[str, Any]) -> None:
        story.lands_late(operation, parameters)
        # The operator may crash as well: also if this is the late write, whose sender does not wait.
        cloud.endure(lambda: cloud.limit(ORGANIZATION, VMS, 0))
        timeout_before()(operation, parameters)

    story.comes_round(lambda: cloud.limit(ORGANIZATION, VMS, 4))
    hook = cloud.db.before(TRANSACTION, lose, only=_makes_a_vm)
    _rents(story, 2)
    hook.cancel()
    story.comes_round(lambda: cloud.limit(ORGANIZATION, VMS, 4))
    story.late_writes_land()
    _rents(story, 2)
    _ends(story, 0)


def _makes_a_vm(transaction: dict[str, Any]) -> bool:
    puts = [action["Put"]["Item"] for action in transaction["TransactItems"] if "Put" in action]
    return any(item["sk"]["S"].startswith(VM) for item in puts)


STORIES: Final = {
    "life of a VM": life_of_a_vm,
    "preemption": preemption,
    "stubborn guest": stubborn_guest,
    "failed start": failed_start,
    "destroyed during its start": destroyed_during_start,
    "lost node": lost_node,
    "end of a term": end_of_a_term,
    "unheard create": unheard_create,
}
