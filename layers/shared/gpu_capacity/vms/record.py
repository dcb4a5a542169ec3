"""The record of a VM (GPUs of one node, rented by the hour or for a term), and its statuses.

::

    creating ──► starting ──► running ──► stopping ──► stopped ──► starting
        │            │           ├──────► interrupted ───────────► starting
        └─► failed ◄─┘           └──────► offline (so do stopped and interrupted), and back
                                          to starting, stopped or interrupted
    any ──► destroyed

``TRANSITIONS`` is that table; a write that violates it cannot be built. GPUs are a mask over those of the
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
"""(organization id, VM id): the key of a record."""

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
    """The terms under which a VM is rented."""

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
        gpus: GPUs that it owns now; 0 for none.
        counted: the subjects of the quotas that count it.
        fingerprint: of the request, if the id was made of an idempotency key.
        wants: the whole slice that it will own once the VMs of ``waits_for`` have left; 0 if there are none.
        waits_for: its victims: the VMs that are being preempted for it.
        preempt_at: when its notice ends; None without a notice.
        preempted_by: the VM that it is preempted for; None without a notice.
        ssh_public_key, password_hash: the login, only until the provider has it.
        term_ends_at: when a reserved rental becomes on_demand.
        offline_from: the status that it had when its node was lost.
        runs: the number of its latest run; a server belongs to one run.
        revision: rises with every write; the record's optimistic lock.
        life: random; distinguishes records that have the same id one after the other. None if an earlier
            version made the record.
        attempt: numbers the executions of the workflows. Like ``runs`` it begins at ``created_at``: the same
            idempotency key gives the same id again, and the new record must not reuse names of the former
            one. An earlier version began at 1 and 0.
        unsettled_since: since when a workflow has work to do for it; None if none has.
        deadline: when the start is given up.
        expires_at: until when the record of a destroyed VM is kept; None for any other VM, and while a
            workflow has work to do for it.
        removal: why an operator has destroyed it, if one has.
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
    removal: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the API shows it: always, as long as the record is kept."""
        return True

    @property
    def key(self) -> VmKey:
        """The key of this record."""
        return self.organization_id, self.id

    @property
    def pod(self) -> tuple[str, str, str]:
        """Region id, flavor id and pod id: the key of the ownership item that has the node."""
        return self.region_id, self.flavor_id, self.pod_id

    @property
    def age(self) -> str:
        """The sort key in an organization's list of VMs."""
        return f"{self.created_at:012}#{self.id}"

    @property
    def tag(self) -> str:
        """Its key in the parts of the node's domain: ``g`` for GPUs, then the holder tag in hex."""
        return "g" + holder_tag(self.id).hex()

    @property
    def vmid(self) -> int:
        """The number that the API shows beside the id."""
        return number_of(self.id)

    @property
    def user_id(self) -> int:
        """The number by which the API shows the subject."""
        return number_of(self.subject)

    @property
    def server_owner(self) -> str:
        """The provider's name for the owner of this run's server; late requests of other runs have others."""
        return f"{self.id}-{self.runs}"

    @property
    def workflow(self) -> str | None:
        """The workflow that has to run for it: ``start_vm``, ``stop_vm``, or None."""
        if self.unsettled_since is None:
            return None
        return "start_vm" if self.status in (VmStatus.CREATING, VmStatus.STARTING) else "stop_vm"

    @property
    def execution(self) -> str:
        """The name of the workflow execution of the current attempt."""
        return f"{self.id}-{self.attempt}"

    @property
    def interruption_at(self) -> int | None:
        """When its notice ends; None without a notice, or if it leaves by itself before."""
        return self.preempt_at if self.status is VmStatus.RUNNING else None

    @property
    def is_preempted(self) -> bool:
        """Whether it has notice, or was interrupted."""
        return self.interruption_at is not None or self.status is VmStatus.INTERRUPTED

    @property
    def reserved_until(self) -> int | None:
        """When its term ends; None while no term runs. A VM that is destroyed or failed has no term."""
        over = self.status in (VmStatus.DESTROYED, VmStatus.FAILED)
        return self.term_ends_at if self.rental_type is RentalType.RESERVED and not over else None

    @property
    def is_preemptible(self) -> bool:
        """Whether it can be preempted: it is interruptible, it runs, and it has no notice yet."""
        return (
            self.rental_type is RentalType.INTERRUPTIBLE
            and self.status is VmStatus.RUNNING
            and self.preempted_by is None
        )

    @property
    def is_on_roster(self) -> bool:
        """Whether the node's roster has it: while it owns GPUs or can be started again."""
        return bool(self.gpus) or self.status not in (VmStatus.DESTROYED, VmStatus.FAILED)

    @property
    def uses(self) -> dict[str, int]:
        """What it uses of each subject of a quota, running or stopped, as long as it is on the roster."""
        return {VMS: 1, VM_GPUS: self.gpu_count} if self.is_on_roster else {}

    @property
    def counts(self) -> dict[str, int]:
        """What quotas already count of it, by subject."""
        return {subject: amount for subject, amount in self.uses.items() if subject in self.counted}

    @property
    def uncounted(self) -> dict[str, int]:
        """What quotas do not count of it yet, by subject."""
        return {subject: amount for subject, amount in self.uses.items() if subject not in self.counted}


@dataclass(frozen=True, slots=True)
class PageOfVms:
    """Which VMs of an organization to list, newest first.

    The list begins behind ``after`` (an ``age``), skips ``offset`` VMs and has at most ``limit``.
    ``statuses`` are those to list; None for all.
    """

    limit: int
    offset: int = 0
    after: str | None = None
    statuses: frozenset[VmStatus] | None = None

    def shows(self, vm: Vm) -> bool:
        """Whether ``statuses`` has the VM's status."""
        return self.statuses is None or vm.status in self.statuses


def months_later(start: int, months: int) -> int:
    """The same time of day ``months`` calendar months later, on the last day of a month that is too short.

    Times are seconds since the epoch; months are those of UTC.
    """
    begun = datetime.fromtimestamp(start, tz=UTC)
    month = begun.month - 1 + months
    year, month = begun.year + month // _MONTHS_A_YEAR, month % _MONTHS_A_YEAR + 1
    day = min(begun.day, monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())
