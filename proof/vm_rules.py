"""Invariants of VMs after every write, beyond those of all holders.

- a VM has its whole slice, aligned, unless it still waits for VMs that it preempts;
- a VM that is interrupted, failed or destroyed owns nothing; a stopped one only what its term keeps;
- the records of a preempted VM and of its preemptor name each other;
- a server runs on GPUs of its VM; no GPU and no VM has two servers; a running VM has a server that is up;
- a VM that is settled and not running has no server, nor has one that releases its GPUs by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testkit.auditor.vms import holding, marks, rental_of
from testkit.items import GONE, VM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from testkit.auditor.vms import Rental
    from testkit.items import Item, RecordKey


@dataclass(slots=True)
class VmServer:
    """A server of a VM: its run, its host, and its GPUs."""

    owner: str
    host: str
    gpus: int
    gone_at: int | None
    ready_at: int = 0

    @property
    def identity(self) -> str:
        """The id of its VM."""
        return self.owner.rpartition("-")[0]


class VmRules:
    """Follows VMs and their servers; see ``Ledger`` for the arguments, ``now`` is in seconds."""

    def __init__(
        self,
        now: Callable[[], int],
        tell: Callable[[str], None],
        in_trouble: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        self._now = now
        self._tell = tell
        self._in_trouble = in_trouble
        self.rentals: dict[RecordKey, Rental] = {}
        self.servers: dict[str, VmServer] = {}

    def follow(self, records: Iterable[tuple[RecordKey, Item | None]]) -> None:
        """Check the VMs that one write changed, once all of them are noted."""
        changed: list[tuple[Rental | None, Rental]] = []
        for key, after in records:
            if not key[1].startswith(VM):
                continue
            if after is None or after["status"]["S"] == GONE:
                if after is None or key in self.rentals:
                    self._tell(f"{key}: the record of a VM disappeared")
                continue
            changed.append((self.rentals.get(key), rental := rental_of(key, after)))
            self.rentals[key] = rental
        for before, after_ in changed:
            left_over = self._left_over(before) if before else ()
            for problem in (
                *holding(after_),
                *marks(after_, self.rentals),
                *left_over,
                *self._at_rest(before, after_),
            ):
                self._tell(f"{after_.key} ({after_.status}): {problem}")

    def note_server(self, owner: str, after: Item | None) -> None:
        """Check the server of a run that a write changed."""
        if after is None:
            self.servers.pop(owner, None)
            return
        gone_at = int(after["gone_at"]["N"]) if "gone_at" in after else None
        if (known := self.servers.get(owner)) is not None:
            known.gone_at = gone_at
            return
        ready_at = int(after["ready_at"]["N"]) if "ready_at" in after else 0
        new = VmServer(owner, after["host"]["S"], int(after["gpus"]["N"]), gone_at, ready_at)
        for other in self.living():
            if other.host == new.host and other.gpus & new.gpus:
                self._tell(f"the server of {owner} was started on GPUs of the server of {other.owner}")
            if other.identity == new.identity:
                self._tell(f"the server of {owner} was started beside that of {other.owner}")
        self.servers[owner] = new

    @property
    def lives(self) -> bool:
        """Whether any VM is not yet destroyed and gone."""
        return any(vm.status != "destroyed" or vm.unsettled for vm in self.rentals.values())

    def living(self) -> list[VmServer]:
        """Every server that has not gone by now."""
        now = self._now()
        return [s for s in self.servers.values() if s.gone_at is None or s.gone_at > now]

    def _is_up(self, server: VmServer) -> bool:
        in_trouble = self._in_trouble(server.owner) or self._in_trouble(server.host)
        return server.ready_at <= self._now() and server.gone_at is None and not in_trouble

    def _left_over(self, before: Rental) -> Iterator[str]:
        """VMs that still name this VM although it no longer names them."""
        vm = self.rentals[before.key]
        for key in before.waits_for - vm.waits_for:
            if self.rentals[key].preempted_by == vm.key:
                yield f"no longer waits for {key}, which still has notice because of it"
        heir = before.preempted_by
        if heir is not None and vm.preempted_by != heir and vm.key in self.rentals[heir].waits_for:
            yield f"no longer has notice because of {heir}, which still waits for it"

    def _at_rest(self, before: Rental | None, vm: Rental) -> Iterator[str]:
        servers = [server for server in self.living() if server.identity == vm.identity]
        begins = vm.status == "running" and (before is None or before.status != "running")
        if begins and not any((s.owner, s.gpus) == (vm.owner, vm.gpus) and self._is_up(s) for s in servers):
            yield "is running without a server on its GPUs that is up"
        if vm.at_rest and servers:
            yield f"is settled, and {servers} is left"
        if before is not None and before.gpus & ~vm.gpus and servers and vm.status != "interrupted":
            yield f"releases GPUs under its own server {servers}"
