"""Rules about what providers have: holds, servers and disks of VMs that no record accounts for. Pure.

A hold or a server begins after its record and ends before it, and the name by which a provider knows an owner
is never reused. So one that is listed after its record has ended was left behind, in whatever
order the two are read. See ``rules`` for how rules are applied, and ``providers`` for how providers are
asked.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.holders.ids import id_of_owner
from gpu_capacity.providers.port import Hold, HoldState, Server, ServerState, VmServerState
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.times import rfc3339
from gpu_capacity.upkeep.audit.facts import Asked, Facts, Question, Side
from gpu_capacity.upkeep.audit.findings import Finding, Kind, TakeAway
from gpu_capacity.upkeep.audit.rules import contradiction
from gpu_capacity.upkeep.audit.vms import has_work
from gpu_capacity.vms.record import Vm, VmStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpu_capacity.providers.port import VmServer

_SERVED: Final = (VmStatus.STARTING, VmStatus.RUNNING, VmStatus.STOPPING)
_WHOLE: Final = -1
"""The mask of GPUs of a whole host."""


def server_findings(facts: Facts) -> Iterator[Finding]:
    """All findings about what providers have."""
    holds = [hold for hold in facts.holds if hold.state is not HoldState.RELEASING]
    servers = [server for server in facts.servers if server.state is not ServerState.DELETING]
    vm_servers = [server for server in facts.vm_servers if server.state is not VmServerState.DELETING]
    reservations = _by_id(facts, keys.RESERVATION_PREFIX)
    for hold in holds:
        yield from _of_reservation(facts, reservations, hold)
    placements = _by_id(facts, keys.PLACEMENT_PREFIX)
    for server in servers:
        yield from _of_placement(facts, placements, server)
    vms = _by_id(facts, keys.VM_PREFIX)
    for vm_server in vm_servers:
        yield from _of_vm(facts, vms, vm_server)
    for vm_id in sorted(facts.disks):
        yield from _disk(facts, vms, vm_id)
    yield from _on_one_machine([*map(_place, holds), *map(_place, vm_servers)])
    yield from _on_one_machine([*map(_place, servers)])


def _by_id(facts: Facts, prefix: str) -> Mapping[str, Side]:
    """The records and tombstones of a kind, by the holder's id."""
    return {side.sk.removeprefix(prefix): side for side in facts.holders if side.sk.startswith(prefix)}


def _of_reservation(facts: Facts, by_id: Mapping[str, Side], hold: Hold) -> Iterator[Finding]:
    """A finding if the reservation that holds a host is gone or failed."""
    identity = id_of_owner(hold.holder_id)
    record = by_id.get(identity)
    holder = facts.holders[record] if record else None
    # A reservation that is being torn down accounts for its holds: the teardown releases all that it finds.
    lives = isinstance(holder, Reservation) and holder.status is not Status.ERROR
    if lives and isinstance(holder, Reservation) and hold.holder_id in holder.hold_owners:
        return
    if record or _is_gone(facts, keys.RESERVATION_PREFIX + identity):
        question = Question(Asked.HOLDS, hold.holder_id)
        where = f"hold of {hold.holder_id} on {hold.host_id}"
        yield _left_behind(facts, question, where, hold, record)


def _of_placement(facts: Facts, by_id: Mapping[str, Side], server: Server) -> Iterator[Finding]:
    """A finding if the placement of a server is gone."""
    identity = id_of_owner(server.owner)
    record = by_id.get(identity)
    holder = facts.holders[record] if record else None
    if getattr(holder, "server_owner", None) == server.owner:
        return
    if record or _is_gone(facts, keys.PLACEMENT_PREFIX + identity):
        question = Question(Asked.SERVERS, server.owner)
        where = f"server of {server.owner} on {server.host_id}"
        yield _left_behind(facts, question, where, server, record)


def _of_vm(facts: Facts, by_id: Mapping[str, Side], server: VmServer) -> Iterator[Finding]:
    """A finding if the server's run is over, or if the server is not on its VM's GPUs."""
    identity = id_of_owner(server.owner)
    record = by_id.get(identity)
    holder = facts.holders[record] if record else None
    question = Question(Asked.VM_SERVER, server.owner)
    where = f"server of {server.owner} on {server.host_id}"
    if record and isinstance(holder, Vm) and holder.server_owner == server.owner and _may_have_server(holder):
        if _is_misplaced(holder, server):
            message = "its record lists other GPUs"
            yield Finding(Kind.SERVER_DISAGREES, where, message, (record,), questions=(question,))
    elif record or _is_gone(facts, keys.VM_PREFIX + identity):
        yield _left_behind(facts, question, where, server, record)


def _left_behind(
    facts: Facts, question: Question, where: str, found: Hold | Server | VmServer, record: Side | None
) -> Finding:
    """The finding for what outlived its holder; ``record`` is what remains of the holder, if any."""
    message = "its holder is over" if record else "nobody knows its holder"
    since = found.since if isinstance(found, Hold | Server) else found.started_at
    if since is not None:
        message += f"; it began at {rfc3339(since)}"
    repair = TakeAway(question, found.host_id, needs_word=not _is_witnessed(facts, record))
    sides = (record,) if record else ()
    return Finding(Kind.SERVER_LEAKED, where, message, sides, repair, questions=(question,))


def _is_witnessed(facts: Facts, record: Side | None) -> bool:
    """Whether there is a record that does not contradict itself, and so proves that its holder has ended.

    A missing record proves nothing: after a restore of the table to an earlier time, customers may use
    servers that have no record.
    """
    return record is not None and contradiction(facts.holders[record]) is None


def _may_have_server(vm: Vm) -> bool:
    """Whether a server of the VM's latest run may be up.

    It may while a workflow has work to do: the workflow of a VM that stops deletes the server in the end.
    """
    return _shown(vm) is VmStatus.RUNNING or has_work(vm)


def _is_misplaced(vm: Vm, server: VmServer) -> bool:
    """Whether a server is on other GPUs than its record has. A VM that is leaving may have lost its GPUs."""
    return _shown(vm) in _SERVED and (server.host_id, server.gpus) != (vm.host_id, vm.gpus)


def _shown(vm: Vm) -> VmStatus | None:
    """The status of a VM; for one that is offline the status before."""
    return vm.offline_from if vm.status is VmStatus.OFFLINE else vm.status


def _disk(facts: Facts, by_id: Mapping[str, Side], vm_id: str) -> Iterator[Finding]:
    """A finding if the disk's VM is gone, or destroyed. While that VM's server is leaving it has its disk."""
    record = by_id.get(vm_id)
    vm = facts.holders[record] if record else None
    is_over = isinstance(vm, Vm) and vm.status is VmStatus.DESTROYED and not has_work(vm)
    if is_over or (record is None and _is_gone(facts, keys.VM_PREFIX + vm_id)):
        question = Question(Asked.DISK, vm_id)
        message = "its VM is destroyed" if record else "nobody knows its VM"
        repair = TakeAway(question, "", needs_word=not _is_witnessed(facts, record))
        sides = (record,) if record else ()
        yield Finding(Kind.DISK_LEAKED, str(question), message, sides, repair, questions=(question,))


_Place = tuple[str, int, Question]


def _place(found: Hold | Server | VmServer) -> _Place:
    """The host of a hold or a server, its mask of GPUs, and the question about it."""
    match found:
        case Hold():
            return found.host_id, _WHOLE, Question(Asked.HOLDS, found.holder_id)
        case Server():
            return found.host_id, _WHOLE, Question(Asked.SERVERS, found.owner)
        case _:
            return found.host_id, found.gpus, Question(Asked.VM_SERVER, found.owner)


def _on_one_machine(places: list[_Place]) -> Iterator[Finding]:
    """Hosts and GPUs that two have, which providers have to prevent."""
    by_host: dict[str, list[_Place]] = {}
    for place in places:
        by_host.setdefault(place[0], []).append(place)
    for host_id, found in sorted(by_host.items()):
        for (_, gpus, one), (_, others, other) in combinations(sorted(found), 2):
            if gpus & others:
                subject = f"host {host_id}: {one} and {other}"
                message = "two have the same hardware"
                yield Finding(Kind.SERVER_DISAGREES, subject, message, (), questions=(one, other))


def _is_gone(facts: Facts, sort_key: str) -> bool:
    """Whether it is certain that no record has this sort key: none with it is unreadable."""
    return facts.knows_every_holder or not any(side.sk == sort_key for side in facts.unreadable)
