"""The ports of providers: servers on whole hosts, and servers for VMs. One contract suite tests them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A page of a long list. ``after`` is the argument for the next page; ``None`` if this is the last one.

    The provider defines the form of ``after``. A page may be empty without being the last one.
    """

    entries: tuple[Entry, ...]
    after: str | None


class ServerState(StrEnum):
    """The state of a server."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a holder, which occupies a host.

    ``message`` describes a failure for operators. ``started_at`` is in seconds since the epoch; ``None`` if
    the provider does not know it.
    """

    holder_id: str
    host_id: str
    state: ServerState
    message: str = ""
    started_at: int | None = None


class PinOutcome(StrEnum):
    """The result of a request to start a server."""

    PINNED = "pinned"
    FENCED = "fenced"
    OCCUPIED = "occupied"


class HostProvider(Protocol):
    """Puts servers on hosts and removes them. All methods raise ``ProviderUnavailable``.

    ``docs/providers.md`` explains how to write a provider. ``tests/contract/providers`` checks what it must
    do.

    The fence makes late requests harmless: after ``fence`` has returned, no ``pin`` for this holder can
    create a server, even if it was sent earlier. Without the fence, a pin that was sent before a delete could
    be executed after the sweep, and leave a server on hardware that is sold to another customer.
    """

    def pin(self, holder_id: str, region_id: str, host_id: str) -> PinOutcome:
        """Start the holder's server on this host. A repeated call changes nothing and returns ``pinned``.

        Returns ``occupied`` if another holder's server is on the host, ``fenced`` after ``fence``.
        """

    def fence(self, holder_id: str) -> None:
        """Refuse every later ``pin`` for this holder. Idempotent."""

    def delete(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """Start to delete the holder's servers on these hosts. Absent servers are not an error."""

    def servers(self, holder_id: str) -> Sequence[Server]:
        """All servers of the holder, including those being deleted, in the order of host ids."""

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        """All servers of all holders on these hosts, including those being deleted, in order of host ids."""

    def every_server(self, after: str | None = None) -> Page[Server]:
        """All servers of all holders, including those being deleted, in pages and in no particular order.

        A server that exists from the first page to the last is on one of the pages. A server that appears or
        disappears in between may be.
        """


@dataclass(frozen=True, slots=True)
class VmOrder:
    """A request for the server of one run of a VM.

    ``owner`` identifies the run, ``vm_id`` the disk. ``gpus`` is a mask over the GPUs of the host. The SSH
    key and the password hash are only used when the disk is created, which then contains them.
    """

    owner: str
    vm_id: str
    region_id: str
    host_id: str
    gpus: int
    storage_gb: int
    template_vmid: int
    ssh_public_key: str | None
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class VmServer:
    """The server of a run, on GPUs of a host (a mask).

    ``ip_address`` is known once the server is ready. ``message`` describes a failure for operators.
    ``started_at`` is in seconds since the epoch; ``None`` if the provider does not know it.
    """

    owner: str
    host_id: str
    gpus: int
    state: ServerState
    ip_address: str | None = None
    message: str = ""
    started_at: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The load of a server, in percent."""

    cpu_percent: float
    ram_percent: float


class VmProvider(Protocol):
    """Runs servers on slices of hosts. All methods raise ``ProviderUnavailable``.

    The fence works as in ``HostProvider``: after it, no late request can start a server for the run. A GPU
    never has two servers: the provider itself refuses the second one, whatever the records say.
    """

    def start(self, order: VmOrder) -> PinOutcome:
        """Start the server of a run. Creates the VM's disk if it does not exist yet.

        A repeated call changes nothing and returns ``pinned``. Returns ``occupied`` while another server is
        on one of the GPUs, ``fenced`` after ``fence``.
        """

    def fence(self, owner: str) -> None:
        """Refuse every later ``start`` of this run. Idempotent."""

    def stop(self, owner: str) -> None:
        """Start to remove the run's server. An absent server is not an error."""

    def server(self, owner: str) -> VmServer | None:
        """The run's server, also while it is being removed; ``None`` if there is none."""

    def is_vacant(self, host_id: str, gpus: int) -> bool:
        """Whether no server of any run is on these GPUs of a host (a mask)."""

    def every_server(self, after: str | None = None) -> Page[VmServer]:
        """The servers of all runs, in pages; see ``HostProvider.every_server``."""

    def has_disk(self, vm_id: str) -> bool:
        """Whether the VM has a disk."""

    def every_disk(self, after: str | None = None) -> Page[str]:
        """The ids of all VMs that have a disk, in pages; see ``HostProvider.every_server``."""

    def delete_disk(self, vm_id: str) -> None:
        """Delete the VM's disk. An absent disk is not an error."""

    def usage(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        """The load of the servers of these runs, by owner. Servers whose load is unknown are omitted."""
