"""The provider of VMs' servers as a platform with faults has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.providers.port import Page, StartOutcome, VmServerState
from proof.host_provider import Troubled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.providers import port
    from gpu_capacity.providers.port import Usage, VmOrder, VmServer
    from proof.surroundings import Platform


class VmProvider(Troubled):
    """The simulated VMs; a server is in trouble if its owner or its host is."""

    def __init__(self, vms: port.VmProvider, cloud: Platform) -> None:
        super().__init__(cloud)
        self._vms = vms
        # The host of each server: a host may be in trouble.
        self._hosts: dict[str, str] = cloud.vm_hosts

    def start(self, order: VmOrder) -> StartOutcome:
        outcome = self._vms.start(order)
        if outcome is StartOutcome.STARTED and order.owner not in self._hosts:
            self._hosts[order.owner] = order.host_id
            self._perhaps_stuck(order.owner)
        self._perhaps_half_way()
        return outcome

    def fence(self, owner: str) -> None:
        self._vms.fence(owner)
        self._perhaps_half_way()

    def stop(self, owner: str) -> None:
        if self._trouble_of(owner) != "stays":
            self._vms.stop(owner)
        self._perhaps_half_way()

    def server(self, owner: str) -> VmServer | None:
        server = self._vms.server(owner)
        return self._seen(server) if server is not None else None

    def every_server(self, after: str | None = None) -> Page[VmServer]:
        page = self._vms.every_server(after)
        return Page(tuple(self._seen(server) for server in page.entries), page.after)

    def is_vacant(self, host_id: str, gpus: int) -> bool:
        return self._vms.is_vacant(host_id, gpus)

    def has_disk(self, vm_id: str) -> bool:
        return self._vms.has_disk(vm_id)

    def every_disk(self, after: str | None = None) -> Page[str]:
        return self._vms.every_disk(after)

    def delete_disk(self, vm_id: str) -> None:
        self._vms.delete_disk(vm_id)
        self._perhaps_half_way()

    def usage(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        return self._vms.usage(owners)

    def _seen(self, server: VmServer) -> VmServer:
        if server.state is VmServerState.READY:
            match self._trouble_of(server.owner):
                case "hangs":
                    return replace(server, state=VmServerState.STARTING, ip_address=None)
                case "fails":
                    return replace(server, state=VmServerState.FAILED, ip_address=None, message="in trouble")
                case _:
                    pass
        return server

    def _trouble_of(self, owner: str) -> str:
        return self._trouble(owner) or self._trouble(self._hosts.get(owner, ""))
