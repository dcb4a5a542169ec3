"""Reads who owns a node's GPUs, and builds the writes that transfer them.

Ownership of a node's GPUs is one attribute: a map from tag to the mask of GPUs. It is compared and set as a
whole. So what is decided here on a read still holds at the moment of the write, or the write is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.bookings import new_tag
from gpu_capacity.inventory.model import HostState
from gpu_capacity.vms.writes import change_gpus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from gpu_capacity.dynamodb.writes import Update
    from gpu_capacity.holders.roles import HasIds, HasInventory
    from gpu_capacity.inventory.model import Host
    from gpu_capacity.inventory.snapshot import Snapshot
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.roles import HasVms

    class Needs(HasIds, HasInventory, HasVms, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """A node's GPUs as they were read.

    Attributes:
        owners: by tag, the GPUs as a mask; None when no part of the node is owned.
        stamp: the stamp of an empty node, if it has one.
        free: GPUs without an owner, as a mask.
        version: the topology version that they were read with.
        takes_new: whether the node takes new holders: in service, of the expected class, not cordoned.
    """

    owners: Mapping[str, int] | None
    stamp: bytes | None
    free: int
    version: int
    takes_new: bool

    @property
    def open(self) -> int:
        """GPUs that a new holder can have, as a mask."""
        return self.free if self.takes_new else 0

    def with_gpus(self, tag: str, gpus: int, without: frozenset[str] = frozenset()) -> dict[str, int]:
        """The owners after a transfer.

        Args:
            tag: a holder, which then has exactly ``gpus``.
            gpus: a mask; 0 for none.
            without: tags of holders that then have none.
        """
        after = {t: mask for t, mask in (self.owners or {}).items() if t not in without and t != tag}
        if gpus:
            after[tag] = gpus
        return after

    def check_agrees(self, vm: Vm) -> None:
        """Check that the node and the record of a VM agree on its GPUs.

        Raises:
            StorageUnavailable: they do not. They may have been read on different sides of a change: then a
                retry finds that they agree. Else the consistency check reports it.
        """
        if (self.owners or {}).get(vm.tag, 0) != vm.gpus:
            raise StorageUnavailable("the record and the node disagree", outcome_unknown=False)


def gpus_in(snapshot: Snapshot, pod_id: str, position: int, count: int) -> NodeGpus | None:
    """A node's GPUs in a snapshot; None if the topology does not have the node any more.

    Args:
        snapshot: of the node's region and flavor.
        pod_id: the node's pod.
        position: the position of the node's domain in the pod.
        count: how many GPUs the node has.
    """
    ownership, shape = snapshot.ownership.get(pod_id), snapshot.shapes.get(pod_id)
    if ownership is None or shape is None:
        return None
    domain = next((d for d in shape.domains if d.position == position), None)
    if domain is None:
        return None
    return NodeGpus(
        owners=ownership.gpus.get(position),
        stamp=ownership.stamps.get(position),
        free=ownership.free_gpus(position, count),
        version=ownership.version,
        takes_new=bool(domain.usable) and not domain.cordoned,
    )


def read_gpus(services: Needs, vm: Vm, count: int) -> NodeGpus | None:
    """The GPUs of a VM's node, read strongly consistent; ``count`` is how many it has."""
    snapshot = services.inventory.fresh_snapshot(vm.region_id, vm.flavor_id)
    return gpus_in(snapshot, vm.pod_id, vm.position, count)


def host_of(services: Needs, vm: Vm) -> Host | None:
    """The host that has the VM's disk; None if the inventory does not have it any more."""
    pod = services.inventory.pods({(vm.region_id, vm.pod_id)}).get((vm.region_id, vm.pod_id))
    found = (h for d in (pod.domains if pod else ()) if d.position == vm.position for h in d.hosts)
    host = next((h for h in found if h.id == vm.host_id), None)
    return None if host is None or host.state is HostState.MISSING else host


def transfer_write(
    services: Needs, vm: Vm, node: NodeGpus, after: dict[str, int], *, taking: bool = True
) -> Update | None:
    """The write that sets the node's owners to ``after``; None if nothing changes.

    Args:
        services: collaborators.
        vm: a VM of the node.
        node: as read; the write demands that owners or stamp are unchanged.
        after: by tag, the GPUs as a mask.
        taking: whether a holder gets GPUs that it did not have: the topology must then be unchanged too.
    """
    if after == (node.owners or {}):
        return None
    return change_gpus(
        services.inventory.table,
        (vm.pod, vm.position),
        (node.owners or node.stamp, after),
        node.version if taking else None,
        new_tag(services.ids.random_bytes()),
    )


@dataclass(frozen=True, slots=True)
class Release:
    """The writes that give a VM's GPUs back.

    ``pod`` is the write of the node, ``others`` has the VM that waits for the GPUs, as (before, after), and
    ``node_is_free`` tells that no GPU of the node has an owner afterwards.
    """

    pod: Update | None
    others: tuple[tuple[Vm, Vm], ...]
    node_is_free: bool


def release(services: Needs, vm: Vm) -> Release:
    """Build the writes that give back all GPUs of a VM.

    GPUs that the VM's preemptor waits for pass to the preemptor; all others become free. The caller writes
    this in one transaction with the VM's record.

    Raises:
        StorageUnavailable: records and node disagree; they may have been read on different sides of a change.
    """
    if not vm.gpus:
        return Release(None, (), node_is_free=False)
    # The count matters for ``free`` alone, which is not used here.
    node = read_gpus(services, vm, vm.gpus.bit_length())
    if node is None:
        raise StorageUnavailable("the node of a VM that holds GPUs is not known", outcome_unknown=False)
    node.check_agrees(vm)
    owners = node.with_gpus(vm.tag, 0)
    others: tuple[tuple[Vm, Vm], ...] = ()
    # A preemptor whose record cannot be read gets nothing: the victim must be able to leave all the same.
    preemptor = services.vms.by_key([vm.preempted_by]).get(vm.preempted_by) if vm.preempted_by else None
    if preemptor is not None and vm.key in preemptor.waits_for:
        after = preemptor_with(preemptor, vm)
        owners[after.tag] = after.gpus
        others = ((preemptor, after),)
    return Release(transfer_write(services, vm, node, owners, taking=False), others, node_is_free=not owners)


def preemptor_with(preemptor: Vm, left: Vm) -> Vm:
    """A waiting VM after a victim left: with the victim's GPUs, as far as they are in its slice."""
    waits_for = tuple(key for key in preemptor.waits_for if key != left.key)
    return replace(
        preemptor,
        gpus=preemptor.gpus | left.gpus & preemptor.wants,
        waits_for=waits_for,
        wants=preemptor.wants if waits_for else 0,
    )


def without_notice(vm: Vm) -> Vm:
    """The VM without its notice: the notice was withdrawn, or the VM has left."""
    return replace(vm, preempt_at=None, preempted_by=None)


def without_gpus(vm: Vm) -> Vm:
    """The VM after it gave back its GPUs."""
    return replace(without_notice(vm), gpus=0)
