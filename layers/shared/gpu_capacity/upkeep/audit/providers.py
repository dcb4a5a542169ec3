"""Asks providers for a consistency check, and has them delete things. Reads no table of a provider.

    list everything → rules → for each finding, ask again about its owners → the same rules

Capacity is freed only after its provider confirms that it is empty, and was fenced so that it stays empty:
ask, fence, ask again. The first question comes before the fence, so that a holder is not fenced whose servers
still run and whose record was merely lost. A provider that does not answer confirms nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import every
from gpu_capacity.upkeep.audit.facts import Asked, Facts
from gpu_capacity.upkeep.audit.findings import EndBooking, Finding, Kind, ReleasePart
from gpu_capacity.vms.record import Vm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpu_capacity.ports import Pause
    from gpu_capacity.providers.port import HostProvider, VmProvider
    from gpu_capacity.upkeep.audit.facts import Question
    from gpu_capacity.upkeep.audit.findings import TakeAway

_ATTEMPTS_MAX: Final = 3

Freeing: TypeAlias = ReleasePart | EndBooking
"""Repairs after which hardware can be sold again."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers of a consistency check. ``pause`` waits before one that did not answer is asked again."""

    hosts: HostProvider
    vms: VmProvider
    pause: Pause

    def everything(self) -> tuple[Facts, list[Finding]]:
        """All that both list, and a finding for each provider that does not answer."""
        listed: dict[str, Any] = {}
        silent = []
        for name, take in (("host provider", self._list_hosts), ("VM provider", self._list_vms)):
            try:
                listed |= self._patiently(take)
            except ProviderUnavailable as error:
                message = f"it does not list what it has: {error}"
                silent.append(Finding(Kind.PROVIDER_SILENT, name, message, ()))
        return Facts(**listed), silent

    def answers(self, questions: Sequence[Question]) -> Facts:
        """The current answers to these questions.

        Raises:
            ProviderUnavailable: a provider does not answer.
        """
        names = {about: [q.name for q in questions if q.about is about] for about in Asked}
        return self._patiently(
            lambda: Facts(
                holds=tuple(hold for name in names[Asked.HOLDS] for hold in self.hosts.held(name)),
                servers=tuple(s for name in names[Asked.SERVERS] for s in self.hosts.servers(name)),
                vm_servers=tuple(s for name in names[Asked.VM_SERVER] if (s := self.vms.server(name))),
                disks=frozenset(name for name in names[Asked.DISK] if self.vms.has_disk(name)),
            )
        )

    def take_away(self, repair: TakeAway) -> None:
        """Fence an owner, and begin to delete what it has at its provider.

        Raises:
            ProviderUnavailable: the provider may have begun; the next check shows.
        """
        match repair.thing.about:
            case Asked.HOLDS:
                self.hosts.fence(repair.thing.name)
                self.hosts.release(repair.thing.name, [repair.host_id])
            case Asked.SERVERS:
                self.hosts.fence(repair.thing.name)
                self.hosts.undeploy(repair.thing.name, [repair.host_id])
            case Asked.VM_SERVER:
                self.vms.fence(repair.thing.name)
                self.vms.stop(repair.thing.name)
            case Asked.DISK:
                self.vms.delete_disk(repair.thing.name)

    def why_occupied(self, part: Freeing) -> str | None:
        """What is on a part now; None if nothing is. Something may still come."""
        left = ", ".join(self._left_on(part))
        return f"holds or servers are left: {left}" if left else None

    def why_not_free(self, part: Freeing) -> str | None:
        """Why a part must not be freed; None if nothing is on it, and nothing can come any more."""
        if occupied := self.why_occupied(part):
            return occupied
        if isinstance(part, ReleasePart) and isinstance(part.holder, Vm):
            self.vms.fence(part.holder.server_owner)
        left = ", ".join(self._left_on(part))
        return f"holds or servers came meanwhile: {left}" if left else None

    def _left_on(self, part: Freeing) -> Iterator[str]:
        """The holds and servers on the hardware of a part, and the server of its holder, wherever that is."""
        for hold in self._patiently(lambda: self.hosts.held_on(part.hosts)):
            yield f"of {hold.holder_id} on {hold.host_id}"
        for host_id, gpus in part.slices:
            if not self._patiently(partial(self.vms.is_vacant, host_id, gpus)):
                yield f"of VMs on {host_id}"
        if isinstance(part, ReleasePart) and isinstance(part.holder, Vm):
            owner = part.holder.server_owner
            if (vm_server := self._patiently(lambda: self.vms.server(owner))) is not None:
                yield f"of {owner} on {vm_server.host_id}"

    def _list_hosts(self) -> dict[str, Any]:
        return {
            "holds": tuple(every(self.hosts.every_hold)),
            "servers": tuple(every(self.hosts.every_server)),
        }

    def _list_vms(self) -> dict[str, Any]:
        return {
            "vm_servers": tuple(every(self.vms.every_server)),
            "disks": frozenset(every(self.vms.every_disk)),
        }

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask up to ``_ATTEMPTS_MAX`` times."""
        for attempt in range(_ATTEMPTS_MAX - 1):
            try:
                return ask()
            except ProviderUnavailable:
                self.pause(attempt)
        return ask()
