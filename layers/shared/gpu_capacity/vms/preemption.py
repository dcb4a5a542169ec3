"""How a VM gets its slice of a node: what is free, or what interruptible VMs leave for it.

One transaction at the time of the request records the newcomer, gives it the free GPUs of its slice, and
tells every VM that stands in the rest when it has to leave (``preempt_at``). These keep running and keep
their GPUs until then. After the notice one more transaction interrupts all of them and hands their GPUs to
the newcomer. So nobody is told to leave for a request that was refused, nobody is interrupted by halves, and
at no moment has a GPU two owners.

If the newcomer goes away before, the marks go with it in the same transaction. If one of those told to leave
goes by itself (stopped, destroyed), its GPUs pass to the newcomer when it gives them back: see ``release``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import ActionRefused, RaceLost, SliceUnavailable, StorageUnavailable
from gpu_capacity.holders.tentative import is_tentative
from gpu_capacity.placement.preemption import Candidate, choose_victims
from gpu_capacity.placement.slices import choose_slice, largest_slice, slice_mask
from gpu_capacity.vms.gpus import read_gpus, transfer_write, without_gpus, without_notice
from gpu_capacity.vms.record import RentalType, VmStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Update
    from gpu_capacity.holders.roles import HasIds, HasLimits, HasTelemetry
    from gpu_capacity.holders.tentative import Needs as TentativeNeeds
    from gpu_capacity.vms.gpus import NodeGpus
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.roles import HasVms

    class Needs(TentativeNeeds, HasIds, HasLimits, HasTelemetry, HasVms, Protocol):
        """What the functions of this module work with."""

    Write = Callable[[Vm, Sequence[tuple[Vm, Vm]], Update | None], Vm | Refused | None]


ACTOR = "vm-preemption"


@dataclass(frozen=True, slots=True)
class SliceChoice:
    """The slice that a VM gets: whole, and who has to leave for it. ``free`` is what it can have at once."""

    gpus: int
    free: int
    victims: tuple[Vm, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A VM with its slice, on its node as it was read, and those who have to leave for it by then."""

    vm: Vm
    node: NodeGpus
    victims: tuple[Vm, ...]
    preempt_at: int


def take_slice(services: Needs, wanted: Vm, count: int, write: Write) -> Vm | None:
    """Write a VM with a slice of its node; ``None`` when rivals were faster and it is to be planned anew.

    Args:
        services: the collaborators.
        wanted: the record as it is to be, but for its slice.
        count: how many GPUs the node has.
        write: writes the record with its slice, what becomes of those who have to leave, and the node.

    Raises:
        ActionRefused: the node cannot give the slice, on a strongly consistent read.
    """
    seat = plan_slice(services, wanted, count)
    after, preempt_at = seat.vm, seat.preempt_at
    marks = [(v, replace(v, preempt_at=preempt_at, preempted_by=after.key)) for v in seat.victims]
    pod = transfer_write(services, after, seat.node, seat.node.with_gpus(after.tag, after.gpus))
    if isinstance(write(after, marks, pod), Refused):
        services.telemetry.count("VmRacesLost")
        return None
    for victim in seat.victims:
        services.telemetry.audit(
            ACTOR,
            "give_notice",
            victim.id,
            "told",
            organization=victim.organization_id,
            preempt_at=preempt_at,
        )
    return after


def update_writer(services: Needs, before: Vm) -> Write:
    """How ``take_slice`` writes a VM that has a record already, as it was read."""
    return lambda after, marks, pod: services.vms.update([(before, after), *marks], pod)


def plan_slice(services: Needs, wanted: Vm, count: int) -> Planned:
    """What a VM would get of its node now; nothing is written.

    Raises:
        ActionRefused: the node cannot give the slice, on a strongly consistent read.
        RaceLost: it might, as soon as a reservation that is claiming it has given up.
    """
    node = read_gpus(services, wanted, count)
    if node is None:
        raise ActionRefused("the node is out of service")
    try:
        seat = _seat(services, wanted, node, count)
    except SliceUnavailable:
        if is_tentative(services, (wanted.region_id, wanted.flavor_id), wanted.pod_id, wanted.position):
            raise RaceLost("the node is being claimed by a reservation") from None
        raise
    now = services.clock.now()
    notice = services.limits.vm_notice_seconds if seat.victims else 0
    after = replace(
        wanted,
        gpus=seat.free,
        wants=seat.gpus if seat.victims else 0,
        waits_for=tuple(victim.key for victim in seat.victims),
        deadline=now + notice + services.limits.vm_start_seconds_max,
    )
    return Planned(after, node, seat.victims, now + notice)


def evict(services: Needs, vm: Vm, count: int) -> tuple[Vm, list[Vm]] | None:
    """Interrupt all that a VM waits for and give it the rest of its slice; ``None`` after a lost race.

    The caller has seen that the notice is over. What is read here is what the write insists on.

    Returns:
        The VM, and those that are interrupted now: their servers are still to be taken away.
    """
    victims = services.vms.by_key(vm.waits_for)
    leaving = [victims[key] for key in vm.waits_for if key in victims]
    if any(v.status is not VmStatus.RUNNING or v.preempted_by != vm.key for v in leaving):
        return None
    node = read_gpus(services, vm, count)
    if node is None or len(leaving) != len(vm.waits_for):
        raise StorageUnavailable("the records and the node disagree", outcome_unknown=False)
    for holder in (vm, *leaving):
        node.demand(holder)
    now = services.clock.now()
    after = replace(
        vm, status=VmStatus.STARTING, gpus=vm.wants, wants=0, waits_for=(), deadline=start_deadline(services)
    )
    interrupted = [(victim, interrupted_at(victim, now)) for victim in leaving]
    owners = node.with_gpus(vm.tag, after.gpus, frozenset(victim.tag for victim in leaving))
    pod = transfer_write(services, vm, node, owners)
    if isinstance(services.vms.update([(vm, after), *interrupted], pod), Refused):
        services.telemetry.count("VmRacesLost")
        return None
    for victim in leaving:
        services.telemetry.count("VmsInterrupted")
        services.telemetry.audit(
            ACTOR, "interrupt", victim.id, "interrupted", organization=victim.organization_id
        )
    return after, [victim for _, victim in interrupted]


def notices_withdrawn(services: Needs, vm: Vm) -> list[tuple[Vm, Vm]]:
    """What becomes of those that were told to leave for a VM that goes away itself."""
    told = services.vms.by_key(vm.waits_for).values()
    return [(victim, without_notice(victim)) for victim in told if victim.preempted_by == vm.key]


def interrupted_at(vm: Vm, now: int) -> Vm:
    """A VM that has lost its GPUs; its server is still to be taken away."""
    return replace(
        without_gpus(vm),
        status=VmStatus.INTERRUPTED,
        stopped_at=now,
        ip_address=None,
        unsettled_since=now,
        attempt=vm.attempt + 1,
    )


def start_deadline(services: Needs) -> int:
    """When a start that begins now is given up."""
    return services.clock.now() + services.limits.vm_start_seconds_max


def _seat(services: Needs, wanted: Vm, node: NodeGpus, count: int) -> SliceChoice:
    if not node.takes_new:
        raise ActionRefused("the node takes no new VMs at the moment")
    start = choose_slice(node.open, wanted.gpu_count)
    if start is not None:
        found = slice_mask(start, wanted.gpu_count)
        return SliceChoice(found, found, ())
    if wanted.rental_type is RentalType.INTERRUPTIBLE:
        raise _could_give(wanted, largest_slice(node.open), count)
    on_node = [vm for vm in services.vms.of_node(wanted.node) if vm.is_preemptible and vm.key != wanted.key]
    candidates = [
        Candidate(vm.id, vm.created_at, vm.gpus)
        for vm in on_node
        if vm.gpus and (node.owners or {}).get(vm.tag) == vm.gpus
    ]
    choice = choose_victims(node.open, wanted.gpu_count, candidates)
    if choice is None:
        reachable = node.open
        for candidate in candidates:
            reachable |= candidate.gpus
        raise _could_give(wanted, largest_slice(reachable), count)
    chosen = {victim.id for victim in choice.victims}
    victims = tuple(vm for vm in on_node if vm.id in chosen)
    return SliceChoice(choice.gpus, choice.gpus & node.open, victims)


def _could_give(wanted: Vm, largest: int, count: int) -> SliceUnavailable:
    asked = wanted.gpu_count
    detail = (
        f"the node has no free slice of {asked} GPUs; the largest that it could give has {largest}"
        if largest
        else f"no GPU of the node is free for a VM of {asked}"
    )
    return SliceUnavailable(detail, requested=asked, largest=largest, most=count)
