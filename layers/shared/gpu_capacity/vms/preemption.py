"""Gives a VM its slice of a node: free GPUs, or those of interruptible VMs, which are preempted.

One transaction at the time of the request records the new VM, gives it the free GPUs of its slice, and gives
notice to the victims, the VMs that own the rest of the slice: ``preempt_at`` says when they have to leave.
Victims keep running and keep their GPUs until then. After the notice a second transaction interrupts all
victims and transfers their GPUs to the new VM. So a refused request gives no notice, a set of victims is
never interrupted in part, and a GPU never has two owners.

If the new VM goes away before that, the same transaction withdraws the notices. If a victim goes away by
itself (stopped, destroyed), its GPUs pass to the new VM when the victim gives them back: see ``release``.
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
    """The slice that a VM gets.

    ``gpus`` is the whole slice and ``free`` the part without an owner, as masks. ``victims`` own the rest.
    """

    gpus: int
    free: int
    victims: tuple[Vm, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A VM with its slice, its node as read, and the victims with the end of their notice.

    ``preempt_at`` is in seconds since the epoch.
    """

    vm: Vm
    node: NodeGpus
    victims: tuple[Vm, ...]
    preempt_at: int


def take_slice(services: Needs, wanted: Vm, count: int, write: Write) -> Vm | None:
    """Choose a slice of the node and write the VM with it.

    Args:
        services: collaborators.
        wanted: the record as it is to be, but for its slice.
        count: how many GPUs the node has.
        write: writes the record, the victims as (before, after) and the node's ownership in one transaction.

    Returns:
        The VM as written; None after a lost race, for the caller to decide anew.

    Raises:
        ActionRefused: the node cannot give the slice, as of a strongly consistent read.
        RaceLost: it may be able to as soon as a claiming reservation has given up the node.
    """
    planned = plan_slice(services, wanted, count)
    after, preempt_at = planned.vm, planned.preempt_at
    notices = [(v, replace(v, preempt_at=preempt_at, preempted_by=after.key)) for v in planned.victims]
    pod = transfer_write(services, after, planned.node, planned.node.with_gpus(after.tag, after.gpus))
    if isinstance(write(after, notices, pod), Refused):
        services.telemetry.count("VmRacesLost")
        return None
    for victim in planned.victims:
        services.telemetry.audit(
            ACTOR,
            "give_notice",
            victim.id,
            "given",
            organization=victim.organization_id,
            preempt_at=preempt_at,
        )
    return after


def update_writer(services: Needs, before: Vm) -> Write:
    """The ``write`` of ``take_slice`` for a VM that has a record; ``before`` is the record as read."""
    return lambda after, notices, pod: services.vms.update([(before, after), *notices], pod)


def plan_slice(services: Needs, wanted: Vm, count: int) -> Planned:
    """Choose a slice of the node for a VM, and write nothing.

    Args:
        services: collaborators.
        wanted: the record as it is to be, but for its slice.
        count: how many GPUs the node has.

    Raises:
        ActionRefused: the node cannot give the slice, as of a strongly consistent read.
        RaceLost: it may be able to as soon as a claiming reservation has given up the node.
    """
    node = read_gpus(services, wanted, count)
    if node is None:
        raise ActionRefused("the node is out of service")
    try:
        choice = _choose(services, wanted, node, count)
    except SliceUnavailable:
        if is_tentative(services, (wanted.region_id, wanted.flavor_id), wanted.pod_id, wanted.position):
            raise RaceLost("the node is being claimed by a reservation") from None
        raise
    now = services.clock.now()
    notice = services.limits.vm_notice_seconds if choice.victims else 0
    after = replace(
        wanted,
        gpus=choice.free,
        wants=choice.gpus if choice.victims else 0,
        waits_for=tuple(victim.key for victim in choice.victims),
        deadline=now + notice + services.limits.vm_start_seconds_max,
    )
    return Planned(after, node, choice.victims, now + notice)


def evict(services: Needs, vm: Vm, count: int) -> tuple[Vm, list[Vm]] | None:
    """Interrupt all victims of a VM and give it the rest of its slice, in one transaction.

    The write demands that the records and the node are still as read here.

    Args:
        services: collaborators.
        vm: a VM whose victims' notice is over; the caller has checked that.
        count: how many GPUs the node has.

    Returns:
        The VM and the interrupted victims, whose servers are still there; None after a lost race.

    Raises:
        StorageUnavailable: a record or the node cannot be read, or they disagree.
    """
    victims = services.vms.by_key(vm.waits_for)
    leaving = [victims[key] for key in vm.waits_for if key in victims]
    if any(v.status is not VmStatus.RUNNING or v.preempted_by != vm.key for v in leaving):
        return None
    node = read_gpus(services, vm, count)
    if node is None or len(leaving) != len(vm.waits_for):
        raise StorageUnavailable("the records and the node disagree", outcome_unknown=False)
    for holder in (vm, *leaving):
        node.check_agrees(holder)
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
    """The victims of a VM that goes away itself, as (before, after): after it they have no notice."""
    victims = services.vms.by_key(vm.waits_for).values()
    return [(victim, without_notice(victim)) for victim in victims if victim.preempted_by == vm.key]


def interrupted_at(vm: Vm, now: int) -> Vm:
    """The VM as interrupted at ``now`` (epoch seconds): without GPUs, its server still to be deleted."""
    return replace(
        without_gpus(vm),
        status=VmStatus.INTERRUPTED,
        stopped_at=now,
        ip_address=None,
        unsettled_since=now,
        attempt=vm.attempt + 1,
    )


def start_deadline(services: Needs) -> int:
    """When a start that begins now is given up, in seconds since the epoch."""
    return services.clock.now() + services.limits.vm_start_seconds_max


def _choose(services: Needs, wanted: Vm, node: NodeGpus, count: int) -> SliceChoice:
    """Choose a free slice; without one, for a VM that is not interruptible, a slice with victims.

    Raises:
        ActionRefused: the node takes no new VMs.
        SliceUnavailable: there is no such slice.
    """
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
    """The refusal that names the largest slice that the VM could have, in GPUs; 0 for none."""
    asked = wanted.gpu_count
    detail = (
        f"the node has no free slice of {asked} GPUs; the largest that it could give has {largest}"
        if largest
        else f"no GPU of the node is free for a VM of {asked}"
    )
    return SliceUnavailable(detail, requested=asked, largest=largest, most=count)
