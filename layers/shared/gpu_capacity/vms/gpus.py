"""GPUs of a node as they are now, and the writes that change hands.

A node's GPUs are one attribute: who owns which, by tag. It is compared and set as a whole, so whatever is
decided here on a reading holds at the moment of the write, or the write is refused.
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
        owners: GPUs as masks by tag; ``None`` when nobody owns anything of the node.
        stamp: what stands there instead, if anything does.
        free: GPUs that nobody owns, as a mask.
        version: the topology version they were read with.
        takes_new: whether the node may be given to somebody new: in service, as expected, not cordoned.
    """

    owners: Mapping[str, int] | None
    stamp: bytes | None
    free: int
    version: int
    takes_new: bool

    @property
    def open(self) -> int:
        """GPUs that somebody new can have, as a mask."""
        return self.free if self.takes_new else 0

    def with_gpus(self, tag: str, gpus: int, without: frozenset[str] = frozenset()) -> dict[str, int]:
        """Who owns what once this holder has exactly these GPUs and those others have left."""
        after = {t: mask for t, mask in (self.owners or {}).items() if t not in without and t != tag}
        if gpus:
            after[tag] = gpus
        return after

    def demand(self, vm: Vm) -> None:
        """Insist that the node says of a VM what its record says.

        Raises:
            StorageUnavailable: it does not. Whoever reads both again finds them agreeing, or an alarm does.
        """
        if (self.owners or {}).get(vm.tag, 0) != vm.gpus:
            raise StorageUnavailable("the record and the node disagree", outcome_unknown=False)


def gpus_in(snapshot: Snapshot, pod_id: str, position: int, count: int) -> NodeGpus | None:
    """A node's GPUs in a snapshot, ``None`` where the topology has lost it."""
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
    """A VM's node by a strongly consistent read."""
    snapshot = services.inventory.fresh_snapshot(vm.region_id, vm.flavor_id)
    return gpus_in(snapshot, vm.pod_id, vm.position, count)


def host_of(services: Needs, vm: Vm) -> Host | None:
    """The host that the VM's disk is on, ``None`` when the inventory has lost it."""
    pod = services.inventory.pods({(vm.region_id, vm.pod_id)}).get((vm.region_id, vm.pod_id))
    found = (h for d in (pod.domains if pod else ()) if d.position == vm.position for h in d.hosts)
    host = next((h for h in found if h.id == vm.host_id), None)
    return None if host is None or host.state is HostState.MISSING else host


def transfer_write(
    services: Needs, vm: Vm, node: NodeGpus, after: dict[str, int], *, taking: bool = True
) -> Update | None:
    """The write that makes ``after`` of the node's owners; ``None`` when nothing changes."""
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
    """What giving a VM's GPUs back writes: the node, and what becomes of the VM that waits for them."""

    pod: Update | None
    others: tuple[tuple[Vm, Vm], ...]
    node_is_free: bool


def release(services: Needs, vm: Vm) -> Release:
    """Give back whatever a VM holds: to the VM that it is preempted for as far as that wants it.

    What nobody waits for becomes free. The caller writes it in one transaction with the VM's record.

    Raises:
        StorageUnavailable: the records and the node were read on different sides of a change.
    """
    if not vm.gpus:
        return Release(None, (), node_is_free=False)
    # The count only matters for what is free, and nobody asks that here.
    node = read_gpus(services, vm, vm.gpus.bit_length())
    if node is None:
        raise StorageUnavailable("the node of a VM that holds GPUs is not known", outcome_unknown=False)
    node.demand(vm)
    owners = node.with_gpus(vm.tag, 0)
    others: tuple[tuple[Vm, Vm], ...] = ()
    # One that cannot be read gets nothing: what leaves for it must not be kept up by that.
    heir = services.vms.by_key([vm.preempted_by]).get(vm.preempted_by) if vm.preempted_by else None
    if heir is not None and vm.key in heir.waits_for:
        heard = preemptor_with(heir, vm)
        owners[heard.tag] = heard.gpus
        others = ((heir, heard),)
    return Release(transfer_write(services, vm, node, owners, taking=False), others, node_is_free=not owners)


def preemptor_with(heir: Vm, left: Vm) -> Vm:
    """The waiting VM with what it wants of the GPUs of one that has left."""
    waits_for = tuple(key for key in heir.waits_for if key != left.key)
    return replace(
        heir,
        gpus=heir.gpus | left.gpus & heir.wants,
        waits_for=waits_for,
        wants=heir.wants if waits_for else 0,
    )


def without_notice(vm: Vm) -> Vm:
    """A VM that need not leave any more, or has left."""
    return replace(vm, preempt_at=None, preempted_by=None)


def without_gpus(vm: Vm) -> Vm:
    """A VM that has given back its GPUs."""
    return replace(without_notice(vm), gpus=0)
