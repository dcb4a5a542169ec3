"""Clients of the VM API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.accounts.account import Account
from gpu_capacity.errors import ActionRefused, NotFound
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.offers import free_offers
from gpu_capacity.vms.read import get_vm, list_vms
from gpu_capacity.vms.record import AuthMethod, Login, PageOfVms, RentalType, Vm, VmStatus
from gpu_capacity.vms.request import VmRequest
from gpu_capacity.vms.start import start_vm
from gpu_capacity.vms.stop import stop_vm
from proof.fleet import node_places
from proof.visible import NoSlice, Seen
from testkit.items import VM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.access import Caller
    from gpu_capacity.runtime.services import Services
    from proof.faults import Work
    from proof.fleet import Shape
    from proof.tenants import Tenant
    from testkit.items import Domain, RecordKey

    Change = Callable[[Services, Caller, str, Account], Vm]

COUNTS: Final = (1, 2, 2, 4, 4, 8, 8)
RENTALS: Final = (
    *[RentalType.INTERRUPTIBLE] * 3,
    *[RentalType.ON_DEMAND] * 4,
    *[RentalType.RESERVED] * 2,
)
GUESTS: Final = (*[RentalType.INTERRUPTIBLE] * 6, *[RentalType.RESERVED] * 3, RentalType.ON_DEMAND)
"""The offers of the first VMs: interruptible ones, and ones with a term."""

GUEST_COUNTS: Final = (2, 4, 4, 8)
LIST_MAX: Final = 1_000
_ACTIONS: Final = (
    ("create", 8),
    ("destroy", 4),
    ("stop", 3),
    ("start", 3),
    ("get", 3),
    ("list", 2),
    ("offers", 1),
)


class Vms:
    """See ``Api``.

    Args:
        nodes: how many nodes there are, by region and pod.
    """

    kind = VM

    def __init__(self, nodes: Shape) -> None:
        self._places: dict[str, Domain] = node_places(nodes)

    def act(self, who: Tenant) -> None:
        names, weights = zip(*_ACTIONS, strict=True)
        holder = who.one_of(VM)
        match who.draw.choices(names, weights)[0]:
            case "destroy" if holder:
                self.end(who, holder)
            case "stop" if holder:
                self.change(who, "stop_vm", holder, stop_vm)
                who.office.cloud.turns.sleep(who.draw.choice((0, 4_000)))
            case "start" if holder:
                self.change(who, "start_vm", holder, start_vm)
            case "get" if holder:
                self._about(who, "get_vm", holder, get_vm)
            case "list":
                self.look(who)
            case "offers":
                who.office.ask(who.name, "free_offers", (), free_offers, lambda _answer, _work: None)
            case _:
                self.rent(who)
                # Some wait until it runs, others do not.
                who.office.cloud.turns.sleep(who.draw.choice((0, 0, 1_500, 7_000)))

    def rent(
        self, who: Tenant, rentals: Sequence[RentalType] = RENTALS, counts: Sequence[int] = COUNTS
    ) -> Work:
        """Rent any VM."""
        node, count = who.draw.choice(list(self._places)), who.draw.choice(counts)
        return self.create(who, node, count, who.draw.choice(rentals))

    def look(self, who: Tenant) -> list[RecordKey]:
        found: list[RecordKey] = []

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, list):
                listed = {self._saw(vm, work): vm for vm in answer}
                found.extend(sorted(k for k, vm in listed.items() if vm.status is not VmStatus.DESTROYED))
                for holder in who.book.known:
                    if holder[1].startswith(VM) and holder not in listed and holder in known:
                        who.office.tell(f"{holder} was known and is not listed")

        known = dict(who.book.known)
        who.office.ask(
            who.name,
            "list_vms",
            (),
            lambda s: list_vms(s, who.caller, _account(who), PageOfVms(LIST_MAX)),
            read,
        )
        return found

    def end(self, who: Tenant, holder: RecordKey) -> None:
        who.office.ledger.asked_to_end.add(holder)
        self.change(who, "destroy_vm", holder, destroy_vm)

    def create(self, who: Tenant, node: str, count: int, rental: RentalType) -> Work:
        """Rent a VM. There is no idempotency key: after a lost answer the client reads the list."""

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, ActionRefused):
                # For every reason there was a moment without capacity.
                work.seen.append(NoSlice(self._places[node], count))
            elif isinstance(answer, Vm):
                who.office.acknowledged(who.book, self._saw(answer, work))
                if answer.gpu_count != count:
                    who.office.tell(f"{answer.key} has {answer.gpu_count} GPUs for {count}")

        return who.office.ask(
            who.name,
            "create_vm",
            (node, count, rental.value),
            lambda s: create_vm(s, who.caller, wanted(node, count, rental), _account(who)),
            read,
        )

    def change(self, who: Tenant, name: str, holder: RecordKey, run: Change) -> Work:
        """Start, stop or destroy."""
        return who.insist(lambda: self._about(who, name, holder, run))

    def _about(self, who: Tenant, name: str, holder: RecordKey, run: Change) -> Work:
        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound):
                who.office.tell(f"{holder} was acknowledged and is not found")
            elif isinstance(answer, Vm):
                self._saw(answer, work)

        vm_id = holder[1].removeprefix(VM)
        return who.office.ask(
            who.name, name, holder, lambda s: run(s, who.caller, vm_id, _account(who)), read
        )

    def _saw(self, vm: Vm, work: Work) -> RecordKey:
        """A record never disappears, so every answer gives a lower bound of the known revision."""
        holder = (f"ORG#{vm.organization_id}", VM + vm.id)
        work.seen.append(Seen(holder, holds=True, revision=vm.revision))
        return holder


def wanted(node: str, count: int, rental: RentalType) -> VmRequest:
    """A slice of a node."""
    return VmRequest(
        node=node,
        gpu_type="5090",
        gpu_count=count,
        storage_gb=100,
        template_vmid=101,
        rental_type=rental,
        reservation_months=1 if rental is RentalType.RESERVED else None,
        login=Login(AuthMethod.SSH_KEY, "key-1", "ssh-ed25519 AAAA"),
    )


def _account(who: Tenant) -> Account:
    return Account(who.book.organization, who.caller.subject)
