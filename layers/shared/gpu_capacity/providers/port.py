"""The ports of providers: hosts with their servers, and servers for VMs. Contract suites test them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A page of a long list. ``after`` is the argument for the next page; ``None`` if this is the last one.

    The provider defines the form of ``after``. A page may be empty without being the last one.
    """

    entries: tuple[Entry, ...]
    after: str | None


def every(list_page: Callable[[str | None], Page[Entry]]) -> Iterator[Entry]:
    """The entries of all pages."""
    page = list_page(None)
    yield from page.entries
    while page.after is not None:
        page = list_page(page.after)
        yield from page.entries


class HoldState(StrEnum):
    """The state of a hold."""

    PREPARING = "preparing"
    HELD = "held"
    UNFIT = "unfit"
    RELEASING = "releasing"


@dataclass(frozen=True, slots=True)
class Hold:
    """A host that the provider keeps for a holder; nobody else can get it.

    ``message`` says for operators why a host is unfit. ``since`` is in seconds since the epoch; ``None`` if
    the provider does not know it.
    """

    holder_id: str
    host_id: str
    state: HoldState
    message: str = ""
    since: int | None = None


class HoldOutcome(StrEnum):
    """The result of a request to hold a host."""

    HELD = "held"
    FENCED = "fenced"
    OCCUPIED = "occupied"


class MaintenanceOutcome(StrEnum):
    """The result of a request to take a host into maintenance. ``waiting``: ask again."""

    IN_MAINTENANCE = "in_maintenance"
    WAITING = "waiting"
    FENCED = "fenced"


class Readiness(StrEnum):
    """Whether a host can boot a server now."""

    READY = "Ready"
    NOT_READY = "NotReady"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Fitness:
    """The readiness of a host, with a reason that customers may see."""

    readiness: Readiness
    reason: str | None = None


class ServerState(StrEnum):
    """The state of a server on a host. ``queued``: accepted, and booting has not begun."""

    QUEUED = "queued"
    BUILDING = "building"
    REBUILDING = "rebuilding"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class ServerOrder:
    """A request for a server of a placement on a held host.

    ``owner`` identifies the placement, ``holder_id`` who holds the host. ``ordinal`` is the server's place in
    the placement: a server that moves to another host keeps it, and its addresses as far as the provider can.
    For a while the provider has the former server of an ordinal as well, which it is removing. ``generation``
    rises with each change of the placement's image. All servers of an owner
    share an InfiniBand partition key, which ``network_id`` limits. ``user_data`` is in base64.
    """

    owner: str
    holder_id: str
    region_id: str
    host_id: str
    ordinal: int
    name: str
    generation: int
    image_id: str
    network_id: str
    allowed_source_addresses: tuple[str, ...] = ()
    public_ip: bool = False
    security_groups: tuple[str, ...] = ()
    ssh_certificate_authority_id: str | None = None
    user_data: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a placement on a host.

    ``image_id`` and ``generation`` are of the image that was accepted last, and ``since`` is when that was,
    in seconds since the epoch; ``None`` if the provider does not know it. ``message`` says why the
    server failed, and customers see it. Addresses are known once it has booted.
    """

    owner: str
    host_id: str
    ordinal: int
    generation: int
    image_id: str
    state: ServerState
    message: str = ""
    private_ip: str | None = None
    public_ip: str | None = None
    mac_address: str | None = None
    since: int | None = None


class DeployOutcome(StrEnum):
    """The result of a request to deploy a server. ``not_held`` also stands for a host in maintenance."""

    DEPLOYED = "deployed"
    FENCED = "fenced"
    NOT_HELD = "not_held"
    OCCUPIED = "occupied"


class PowerAction(StrEnum):
    """What can be done to a server without changing what is on it."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    HARD_REBOOT = "hard_reboot"


class ActionOutcome(StrEnum):
    """The result of a request to change a server that is deployed."""

    ACCEPTED = "accepted"
    NOT_ALLOWED = "not_allowed"
    ABSENT = "absent"
    FENCED = "fenced"


class HostProvider(Protocol):
    """Holds hosts, and runs servers on held hosts. All methods raise ``ProviderUnavailable``.

    ``docs/providers.md`` explains how to write a provider. ``tests/contract/providers`` checks what it must
    do. Methods that take several hosts may serve them side by side. When one raises, some hosts may be done.

    The fence makes late requests harmless: after ``fence`` has returned, no ``hold`` of this holder and no
    ``deploy``, ``rebuild`` or ``power`` of this placement has an effect, even if it was sent earlier. Without
    the fence, a request that was sent before a release could be executed after the last look at what is left,
    and take hardware that is sold to another customer.
    """

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        """Keep these hosts for the holder, and check that each is fit. The result has every host.

        A repeated call returns ``held``. It changes nothing, but that an unfit host may be checked again. A
        host is ``occupied`` while another holder has it. Every host is ``fenced`` after ``fence``, and a
        host after this holder has released it.
        """

    def fence(self, owner: str) -> None:
        """Refuse all that this holder or placement asks for later, except to give something back.

        Idempotent.
        """

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """Begin to release the holder's hosts. Hosts that it does not hold are no error.

        A host with a server on it stays as it is: the server has to be gone first.
        """

    def held(self, holder_id: str) -> Sequence[Hold]:
        """All holds of the holder, including those being released, in order of host ids."""

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        """All holds of all holders on these hosts, including those being released, in order of host ids."""

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        """All holds of all holders, including those being released, in pages and in no particular order.

        A hold that exists from the first page to the last is on one of the pages. A hold that appears or
        disappears in between may be.
        """

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        """Whether these hosts can boot a server now. The result has every host."""

    def maintain(
        self, maintenance: str, host_ids: Sequence[str], reason: str
    ) -> Mapping[str, MaintenanceOutcome]:
        """Take hosts into a maintenance, so that nothing new begins on them. The result has every host.

        Holds and servers that are there stay, and can be given back as always. The host is not ready; a hold
        that is asked for during the maintenance is ``unfit``, with the reason. A host may be in several
        maintenances; ``maintenance`` is a name, used for one of them. A repeated call changes nothing.
        ``waiting`` means that the platform could not be asked for it yet. A host is ``fenced`` after its
        maintenance of this name has ended.
        """

    def end_maintenance(self, maintenance: str, host_ids: Sequence[str]) -> None:
        """End a maintenance of hosts, and refuse every later ``maintain`` of this name for them.

        Idempotent. Hosts that are not in it are no error. ``fitness`` says whether a host can be used again;
        what somebody else has set aside stays so.
        """

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The names of the maintenances that each of these hosts is in. The result has every host."""

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        """Begin to boot a server on each order's host. The result has every host.

        A repeated order changes nothing and returns ``deployed``, whatever became of the server. A host is
        ``not_held`` unless the order's holder has it in state ``held``, and while it is in maintenance. It is
        ``occupied`` while another server is on it. Every host is ``fenced`` after ``fence``, and a host after
        its server was undeployed.
        """

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        """Begin to remove the placement's servers on these hosts. Absent servers are no error."""

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        """Begin to start, stop or reboot a server.

        A running server can be stopped and rebooted, a stopped one started. A hard reboot switches it off and
        on, so it starts one that is stopped, too. A server that is stopped while it reboots stays stopped.
        To start one that runs or starts, or to stop one that stops or is stopped, is ``accepted`` and does
        nothing. Any other server is ``not_allowed``. On a host in maintenance, a server can be stopped only.
        """

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        """Begin to put another image on a server; its local disks are lost. A failed server can be rebuilt.

        A call with an older generation than the server's is accepted and does nothing, so that no late
        request brings an old image back. One with the same generation boots a failed server again, and does
        nothing to any other. It is ``not_allowed`` while the host is in maintenance.
        """

    def servers(self, owner: str) -> Sequence[Server]:
        """All servers of the placement, including those being removed, in order of ordinals."""

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        """The same for many placements in one call, each of them with an entry."""

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        """All servers on these hosts, including those being removed, in order of host ids."""

    def every_server(self, after: str | None = None) -> Page[Server]:
        """All servers of all placements, in pages; see ``every_hold``."""


class VmServerState(StrEnum):
    """The state of the server of a VM."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class StartOutcome(StrEnum):
    """The result of a request to start the server of a VM."""

    STARTED = "started"
    FENCED = "fenced"
    OCCUPIED = "occupied"


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
    state: VmServerState
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

    def start(self, order: VmOrder) -> StartOutcome:
        """Start the server of a run. Creates the VM's disk if it does not exist yet.

        A repeated call changes nothing and returns ``started``. Returns ``occupied`` while another server is
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
        """The servers of all runs, in pages; see ``HostProvider.every_hold``."""

    def has_disk(self, vm_id: str) -> bool:
        """Whether the VM has a disk."""

    def every_disk(self, after: str | None = None) -> Page[str]:
        """The ids of all VMs that have a disk, in pages; see ``HostProvider.every_hold``."""

    def delete_disk(self, vm_id: str) -> None:
        """Delete the VM's disk. An absent disk is not an error."""

    def usage(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        """The load of the servers of these runs, by owner. Servers whose load is unknown are omitted."""
