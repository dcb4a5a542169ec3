"""Rules for VMs: slices, preemption, servers, disks and the roster."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from testkit.items import GPUS_PER_HOST, VM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from testkit.items import Item, RecordKey

AT_REST: Final = frozenset({"stopped", "interrupted", "failed", "destroyed"})
MOVING: Final = frozenset({"creating", "starting", "stopping"})
WITH_SLICE: Final = MOVING | {"running"}
WITHOUT_GPUS: Final = frozenset({"interrupted", "failed"})
_RUN, _DISK, _ROSTER = "VMRUN#", "VMDISK#", "VMS"


@dataclass(frozen=True, slots=True)
class Rental:
    """A VM, read from its item; ``gpus`` and ``wants`` are masks."""

    key: RecordKey
    status: str
    rental: str
    count: int
    gpus: int
    wants: int
    waits_for: frozenset[RecordKey]
    preempted_by: RecordKey | None
    failing: bool
    unsettled: bool
    offline_from: str
    owner: str

    @property
    def identity(self) -> str:
        """Its id."""
        return self.key[1].removeprefix(VM)

    @property
    def at_rest(self) -> bool:
        """Whether it is in a final or stopped status and no workflow has anything left to do for it."""
        return self.status in AT_REST and not self.unsettled

    @property
    def is_lost_running(self) -> bool:
        """Whether it ran when its node was lost."""
        return (self.status, self.offline_from) == ("offline", "running")


def rental_of(key: RecordKey, item: Item) -> Rental:
    """Read the VM of an item."""
    preemptor = item.get("preempted_by")
    return Rental(
        key=key,
        status=item["status"]["S"],
        rental=item["rental_type"]["S"],
        count=int(item["gpu_count"]["N"]),
        gpus=int(item["gpus"]["N"]),
        wants=int(item["wants"]["N"]),
        waits_for=frozenset(_key(pair) for pair in item.get("waits_for", {"L": []})["L"]),
        preempted_by=_key(preemptor) if preemptor else None,
        failing="failure" in item,
        unsettled="unsettled" in item,
        offline_from=item["offline_from"]["S"] if "offline_from" in item else "",
        owner=f"{key[1].removeprefix(VM)}-{item['runs']['N']}",
    )


def _key(pair: dict[str, Any]) -> RecordKey:
    organization, vm_id = pair["L"]
    return f"ORG#{organization['S']}", VM + vm_id["S"]


def judge(rentals: Iterable[Rental]) -> Iterator[str]:
    """Yield the violations in records of VMs that must not occur at any time."""
    by_key = {vm.key: vm for vm in rentals}
    for vm in by_key.values():
        for problem in (*holding(vm), *marks(vm, by_key)):
            yield f"{vm.key} ({vm.status}) {problem}"


def holding(vm: Rental) -> Iterator[str]:
    """A VM has its whole slice, unless it waits for VMs that it preempts, and only what its status allows."""
    whole = vm.gpus.bit_count() == vm.count and vm.gpus in _slices(vm.count)
    keeps = vm.status == "stopped" and vm.rental == "reserved"
    full = vm.status in WITH_SLICE or vm.is_lost_running
    if vm.wants and (vm.gpus & ~vm.wants or vm.wants not in _slices(vm.count)):
        yield f"holds {vm.gpus:#x} and wants {vm.wants:#x}"
    if bool(vm.wants) != bool(vm.waits_for):
        yield f"wants {vm.wants:#x} and waits for {sorted(vm.waits_for)}"
    if full and not vm.waits_for and not vm.failing and not whole:
        yield f"holds {vm.gpus:#x} for {vm.count}"
    if vm.status in WITHOUT_GPUS and vm.gpus:
        yield f"still holds {vm.gpus:#x}"
    if vm.at_rest and vm.gpus and not keeps:
        yield f"is settled, and holds {vm.gpus:#x}"
    if keeps and not vm.unsettled and not whole:
        yield f"holds {vm.gpus:#x} for {vm.count}, which its term keeps"


def _slices(count: int) -> list[int]:
    return [((1 << count) - 1) << start for start in range(0, GPUS_PER_HOST, count)]


def marks(vm: Rental, rentals: Mapping[RecordKey, Rental]) -> Iterator[str]:
    """The records of preempted VMs and of their preemptor name each other."""
    for key in vm.waits_for:
        victim = rentals.get(key)
        if victim is None or victim.preempted_by != vm.key:
            yield f"waits for {key}, which has no notice because of it"
        elif victim.rental != "interruptible":
            yield f"waits for {key}, which must not be interrupted"
    if vm.preempted_by is not None:
        heir = rentals.get(vm.preempted_by)
        if heir is None or vm.key not in heir.waits_for:
            yield f"has notice because of {vm.preempted_by}, which does not wait for it"


def judge_servers(present: Iterable[Item], rentals: Iterable[Rental]) -> Iterator[str]:
    """A server runs on GPUs that its VM owns or has just transferred, and no GPU has two servers."""
    by_owner = {vm.owner: vm for vm in rentals}
    taken: defaultdict[str, int] = defaultdict(int)
    for owner, (host, gpus) in servers(present).items():
        if taken[host] & gpus:
            yield f"the server of {owner} shares GPUs of {host}"
        taken[host] |= gpus
        if (vm := by_owner.get(owner)) is None:
            yield f"the server of {owner} has no VM"
            continue
        handed_over = vm.status in ("interrupted", "destroyed") and vm.unsettled and not vm.gpus
        if gpus & ~vm.gpus and not handed_over:
            yield f"the server of {owner} is on GPUs that are not its VM's, which is {vm.status}"


def judge_rest(
    holders: Mapping[RecordKey, Item], present: Iterable[Item], rentals: Iterable[Rental]
) -> Iterator[str]:
    """Yield the violations once no workflow has anything left to do: servers, notices, disks, the roster."""
    runs, gone, alive, listed = {}, set(), set(), set()
    for vm in rentals:
        if vm.waits_for or vm.preempted_by or vm.wants or vm.unsettled:
            yield f"{vm.key} is settled, and has notice"
        if {"ssh_public_key", "password_hash", "preempt_at"} & holders[vm.key].keys():
            yield f"{vm.key} is settled, and keeps attributes of its start"
        if vm.status == "running" or vm.is_lost_running:
            runs[vm.owner] = vm.gpus
        if vm.status == "destroyed":
            gone.add(vm.identity)
        elif "started_at" in holders[vm.key]:
            alive.add(vm.identity)
        if vm.gpus or vm.status not in ("destroyed", "failed"):
            listed.add(vm.identity)
    living = {owner: gpus for owner, (_, gpus) in servers(present).items()}
    for owner, _ in sorted(living.items() ^ runs.items()):
        yield f"{owner}: a server without a VM that runs, or a VM that runs without a server"
    disks = {item["pk"]["S"].removeprefix(_DISK) for item in present if item["pk"]["S"].startswith(_DISK)}
    yield from (f"the disk of {vm_id} is left" for vm_id in sorted(gone & disks))
    yield from (f"the disk of {vm_id} is lost" for vm_id in sorted(alive - disks))
    roster = {item["vm"]["S"] for key, item in holders.items() if key[0] == _ROSTER}
    yield from (f"the roster does not agree with {vm_id}" for vm_id in sorted(listed ^ roster))


def servers(present: Iterable[Item]) -> dict[str, tuple[str, int]]:
    """Return by owner the host and the mask of GPUs of every server of a VM."""
    return {
        item["pk"]["S"].removeprefix(_RUN): (item["host"]["S"], int(item["gpus"]["N"]))
        for item in present
        if item["pk"]["S"].startswith(_RUN) and item["sk"]["S"] == "SERVER"
    }
