"""A VM: GPUs of one node, rented by the hour or for a term. Its record and its statuses.

::

    creating ──► starting ──► running ──► stopping ──► stopped ──► starting
        │            │           ├──────► interrupted ───────────► starting
        └─► failed ◄─┘           └──────► offline (so do stopped and interrupted), and back
                                          to starting, stopped or interrupted
    any ──► destroyed

``TRANSITIONS`` is that table, and no write of a VM leaves it. GPUs are told as a mask over those of the
node's host: bit ``i`` stands for GPU ``i``.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from gpu_capacity.accounts.account import number_of
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.holders.quota import VM_GPUS, VMS

if TYPE_CHECKING:
    from collections.abc import Mapping

VmKey: TypeAlias = tuple[str, str]
"""(organization id, VM id): what finds a record, in whatever organization it is."""

GPU_COUNTS: Final = (1, 2, 4, 8)
STORAGE_GB_MIN: Final = 50
TERM_MONTHS: Final = (1, 3, 6)
_MONTHS_A_YEAR: Final = 12


class VmStatus(StrEnum):
    """Statuses of the published API."""

    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    DESTROYED = "destroyed"
    FAILED = "failed"
    OFFLINE = "offline"


TRANSITIONS: Final[Mapping[VmStatus, frozenset[VmStatus]]] = {
    VmStatus.CREATING: frozenset({VmStatus.STARTING, VmStatus.FAILED, VmStatus.DESTROYED}),
    VmStatus.STARTING: frozenset({VmStatus.RUNNING, VmStatus.FAILED, VmStatus.DESTROYED}),
    VmStatus.RUNNING: frozenset(
        {VmStatus.STOPPING, VmStatus.INTERRUPTED, VmStatus.OFFLINE, VmStatus.DESTROYED}
    ),
    VmStatus.STOPPING: frozenset({VmStatus.STOPPED, VmStatus.DESTROYED}),
    VmStatus.STOPPED: frozenset({VmStatus.STARTING, VmStatus.OFFLINE, VmStatus.DESTROYED}),
    VmStatus.INTERRUPTED: frozenset({VmStatus.STARTING, VmStatus.OFFLINE, VmStatus.DESTROYED}),
    VmStatus.OFFLINE: frozenset(
        {VmStatus.STARTING, VmStatus.STOPPED, VmStatus.INTERRUPTED, VmStatus.DESTROYED}
    ),
    VmStatus.FAILED: frozenset({VmStatus.DESTROYED}),
    VmStatus.DESTROYED: frozenset(),
}


class RentalType(StrEnum):
    """Under which terms a VM is rented."""

    ON_DEMAND = "on_demand"
    RESERVED = "reserved"
    INTERRUPTIBLE = "interruptible"


class AuthMethod(StrEnum):
    """How people log in to a VM."""

    SSH_KEY = "ssh_key"
    PASSWORD = "password"  # pragma: allowlist secret  # noqa: S105 # nosec B105 - a word of the API


@dataclass(frozen=True, slots=True)
class Login:
    """How people will log in to a new VM, resolved: the key's text, or the hash of the password."""

    method: AuthMethod
    ssh_key_id: str | None = None
    ssh_public_key: str | None = None
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Vm:
    """The record of a VM. Times are seconds since the epoch.

    Attributes:
        gpus: GPUs held now; 0 when none.
        counted: the subjects of quotas that it is counted under.
        fingerprint: of the request, where its id stands for an idempotency key.
        wants: the whole slice it will hold once the VMs of ``waits_for`` have left; 0 when it waits for none.
        waits_for: the VMs that are being preempted for it.
        preempt_at: when its notice ends, ``None`` while it has none; ``preempted_by`` is for whom.
        ssh_public_key, password_hash: only until the workflow has handed them to the provider, once.
        term_ends_at: when a reserved rental turns into on_demand.
        offline_from: the status that it had when its node was lost.
        runs: the number of its latest run; a server belongs to one run.
        revision: rises with every write: the lock of the record.
        life: tells apart two records that come to have one id; ``None`` where an earlier version wrote it.
        attempt: numbers the executions of the workflows. Like ``runs`` it begins at ``created_at``: an id
            comes again with its idempotency key, and the names that a life before used may not. An earlier
            version began at 1 and 0.
        unsettled_since: since when a workflow has something to do for it; ``None`` when it has not.
        deadline: when starting it is given up.
        expires_at: until when the record of a destroyed VM is kept; ``None`` of any other, and as long as a
            workflow has something to do for it.
    """

    NOUN: ClassVar[str] = "vm"

    id: str
    organization_id: str
    subject: str
    node: str
    region_id: str
    flavor_id: str
    pod_id: str
    position: int
    host_id: str
    gpu_type: str
    gpu_count: int
    storage_gb: int
    ram_gb: int
    cpu_cores: int
    cpu_model: str
    pcie_gen: str
    template_vmid: int
    rental_type: RentalType
    auth_method: AuthMethod
    status: VmStatus
    created_at: int
    instance_label: str
    gpus: int = 0
    counted: tuple[str, ...] = ()
    fingerprint: str | None = None
    wants: int = 0
    waits_for: tuple[VmKey, ...] = ()
    reservation_id: str | None = None
    reservation_months: int | None = None
    term_ends_at: int | None = None
    ssh_key_id: str | None = None
    ssh_public_key: str | None = None
    password_hash: str | None = None
    auto_restart: bool | None = None
    failure: str | None = None
    ip_address: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    preempt_at: int | None = None
    preempted_by: VmKey | None = None
    offline_from: VmStatus | None = None
    runs: int = 0
    revision: int = 0
    attempt: int = 0
    unsettled_since: int | None = None
    deadline: int | None = None
    expires_at: int | None = None
    life: bytes | None = None

    @property
    def is_shown(self) -> bool:
        """Whether customers are told of it: from its first moment, and as long as the record is kept."""
        return True

    @property
    def key(self) -> VmKey:
        """What finds this record."""
        return self.organization_id, self.id

    @property
    def pod(self) -> tuple[str, str, str]:
        """Region id, flavor id and pod id: where the node's ownership is recorded."""
        return self.region_id, self.flavor_id, self.pod_id

    @property
    def age(self) -> str:
        """What an organization's VMs are sorted by."""
        return f"{self.created_at:012}#{self.id}"

    @property
    def tag(self) -> str:
        """Its key among the parts of the node's domain: ``g`` for GPUs, and the holder tag in hex."""
        return "g" + holder_tag(self.id).hex()

    @property
    def vmid(self) -> int:
        """The number that the API shows beside the id."""
        return number_of(self.id)

    @property
    def user_id(self) -> int:
        """The number that stands for the subject in the API."""
        return number_of(self.subject)

    @property
    def server_owner(self) -> str:
        """Who owns the server of this run, for the provider: a late request of another run finds no match."""
        return f"{self.id}-{self.runs}"

    @property
    def workflow(self) -> str | None:
        """What has to run for it: ``start_vm``, ``stop_vm``, or nothing."""
        if self.unsettled_since is None:
            return None
        return "start_vm" if self.status in (VmStatus.CREATING, VmStatus.STARTING) else "stop_vm"

    @property
    def execution(self) -> str:
        """The name of the execution that the record's attempt stands for."""
        return f"{self.id}-{self.attempt}"

    @property
    def interruption_at(self) -> int | None:
        """When its notice ends, ``None`` while it has none; one that leaves by itself is not interrupted."""
        return self.preempt_at if self.status is VmStatus.RUNNING else None

    @property
    def is_preempted(self) -> bool:
        """Whether another VM makes it leave, or has."""
        return self.interruption_at is not None or self.status is VmStatus.INTERRUPTED

    @property
    def reserved_until(self) -> int | None:
        """When its term ends, ``None`` while none runs: being destroyed ends it, and so does failing."""
        over = self.status in (VmStatus.DESTROYED, VmStatus.FAILED)
        return self.term_ends_at if self.rental_type is RentalType.RESERVED and not over else None

    @property
    def is_preemptible(self) -> bool:
        """Whether it can be told to leave: it runs, its terms say so, and nobody has told it yet."""
        return (
            self.rental_type is RentalType.INTERRUPTIBLE
            and self.status is VmStatus.RUNNING
            and self.preempted_by is None
        )

    @property
    def is_on_roster(self) -> bool:
        """Whether the node's roster has it: as long as it holds GPUs or could come back."""
        return bool(self.gpus) or self.status not in (VmStatus.DESTROYED, VmStatus.FAILED)

    @property
    def uses(self) -> dict[str, int]:
        """What it uses by subject of a quota: as long as it is listed, stopped or not."""
        return {VMS: 1, VM_GPUS: self.gpu_count} if self.is_on_roster else {}

    @property
    def counts(self) -> dict[str, int]:
        """What is counted of it, by subject of a quota."""
        return {subject: amount for subject, amount in self.uses.items() if subject in self.counted}

    @property
    def uncounted(self) -> dict[str, int]:
        """The same, as far as it is not counted."""
        return {subject: amount for subject, amount in self.uses.items() if subject not in self.counted}


@dataclass(frozen=True, slots=True)
class PageOfVms:
    """Which VMs of an organization: ``limit`` of those that follow ``after`` (an age), ``offset`` left out.

    ``statuses`` are those that are shown; ``None`` for all.
    """

    limit: int
    offset: int = 0
    after: str | None = None
    statuses: frozenset[VmStatus] | None = None

    def shows(self, vm: Vm) -> bool:
        """Whether it is one of them by its status."""
        return self.statuses is None or vm.status in self.statuses


def allows(before: VmStatus, after: VmStatus) -> bool:
    """Whether the table has this move; staying is always allowed."""
    return before is after or after in TRANSITIONS[before]


def months_later(start: int, months: int) -> int:
    """The same time of day so many calendar months later; the month's last day where it is too short."""
    begun = datetime.fromtimestamp(start, tz=UTC)
    month = begun.month - 1 + months
    year, month = begun.year + month // _MONTHS_A_YEAR, month % _MONTHS_A_YEAR + 1
    day = min(begun.day, monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())
