"""The port of providers: servers on whole hosts, and servers of VMs; all pass one contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A part of a long list. ``after`` asks for the next part; ``None`` when this is the last one.

    Its form is the provider's own. A page may be empty and not be the last one.
    """

    entries: tuple[Entry, ...]
    after: str | None


class ServerState(StrEnum):
    """A server on its way up or down."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that occupies a host for a holder.

    ``message`` says what failed, for people. ``started_at`` (seconds) is absent where nobody knows it.
    """

    holder_id: str
    host_id: str
    state: ServerState
    message: str = ""
    started_at: int | None = None


class PinOutcome(StrEnum):
    """What became of a request to pin a server."""

    PINNED = "pinned"
    FENCED = "fenced"
    OCCUPIED = "occupied"


class HostProvider(Protocol):
    """Puts servers on hosts and takes them away. All methods raise ``ProviderUnavailable``.

    ``docs/providers.md`` tells how to write one, ``tests/contract/providers`` what it has to keep.

    The fence is what makes a late request harmless: once ``fence`` has returned, no ``pin`` for that holder
    can create a server any more, however long it was under way. Without it, a pin that was sent before a
    delete could land after the last sweep and leave a server on hardware that is sold to somebody else.
    """

    def pin(self, holder_id: str, region_id: str, host_id: str) -> PinOutcome:
        """Start the holder's server on that host; repeated, it changes nothing and answers ``pinned``.

        ``occupied`` when another holder's server is there, ``fenced`` after ``fence``.
        """

    def fence(self, holder_id: str) -> None:
        """From now on refuse every ``pin`` for this holder. Idempotent."""

    def delete(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """Begin to delete the holder's servers on those hosts; absent ones are no error."""

    def servers(self, holder_id: str) -> Sequence[Server]:
        """All servers of the holder, those being deleted included, in host id order."""

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        """All servers on these hosts, whoever's, those being deleted included, in host id order."""

    def every_server(self, after: str | None = None) -> Page[Server]:
        """All servers of all holders, those being deleted included, in pages and in no order.

        What is there from the first page to the last is on one of them. What comes or goes meanwhile may be.
        """


@dataclass(frozen=True, slots=True)
class VmOrder:
    """A server for one run of a VM.

    ``owner`` names the run, ``vm_id`` the disk. ``gpus`` is a mask over the GPUs of the host. The login is
    only used where the disk is made: it is on the disk from then on.
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

    ``ip_address`` is known when it is ready; ``message`` says what failed. ``started_at`` (seconds) is absent
    where nobody knows it.
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
    """How busy a server is, in percent."""

    cpu_percent: float
    ram_percent: float


class VmProvider(Protocol):
    """Runs servers on slices of hosts. All methods raise ``ProviderUnavailable``.

    The fence is as with ``HostProvider``: after it, no late request can start a server for that run. A GPU
    never serves two servers: the provider refuses the second by itself, whatever the records say.
    """

    def start(self, order: VmOrder) -> PinOutcome:
        """Start the server of a run, making the VM's disk if there is none yet.

        Repeated, it changes nothing and answers ``pinned``. ``occupied`` while another server is on one of
        the GPUs, ``fenced`` after ``fence``.
        """

    def fence(self, owner: str) -> None:
        """From now on refuse every ``start`` of this run. Idempotent."""

    def stop(self, owner: str) -> None:
        """Begin to take the run's server away; an absent one is no error."""

    def server(self, owner: str) -> VmServer | None:
        """The run's server, one that is being taken away included; ``None`` when there is none."""

    def is_vacant(self, host_id: str, gpus: int) -> bool:
        """Whether no server of any run is left on these GPUs of a host (a mask)."""

    def every_server(self, after: str | None = None) -> Page[VmServer]:
        """The servers of all runs, in pages; see ``HostProvider.every_server``."""

    def has_disk(self, vm_id: str) -> bool:
        """Whether the VM has a disk."""

    def every_disk(self, after: str | None = None) -> Page[str]:
        """The ids of all VMs that have a disk, in pages; see ``HostProvider.every_server``."""

    def delete_disk(self, vm_id: str) -> None:
        """Delete the VM's disk; an absent one is no error."""

    def usage(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        """How busy the servers of these runs are; those that are not known are left out."""
