"""A reservation: its record, its statuses, and the one table of moves between them.

::

    claiming ──► pending ──► provisioning ──► provisioned
        │           │            │  │             │
        │           │            │  └──► error    │          error: servers undone, capacity released
        │           ▼            ▼         ▼      ▼
        │           └───────────► deprovisioning ◄┘          wins over everything else
        ▼                              │
       gone ◄──────────────────────────┘                     the record is removed; GET answers 404

A record that is ``claiming`` is shown to no customer: it names a run that it is about to own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from gpu_capacity.holders.ids import holder_tag

if TYPE_CHECKING:
    from gpu_capacity.placement.model import Placement

UNITS_PER_RESERVATION_MAX: Final = 128
"""The largest published scalable unit. One condition per unit must fit one 4 KB expression."""


DESCRIPTION_BYTES_MAX: Final = 4096
TAGS_MAX: Final = 50
TAG_NAME_BYTES_MAX: Final = 128
TAG_VALUE_BYTES_MAX: Final = 256
"""Bytes in UTF-8. With these a record stays below 25 KB of the 400 KB that an item may have."""


class Status(StrEnum):
    """Provisioning status. ``gone`` is only ever seen on a tombstone, never by a customer."""

    CLAIMING = "claiming"
    PENDING = "pending"
    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DEPROVISIONING = "deprovisioning"
    ERROR = "error"
    GONE = "gone"


TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.CLAIMING: frozenset({Status.PENDING, Status.GONE}),
    Status.PENDING: frozenset({Status.PROVISIONING, Status.DEPROVISIONING}),
    Status.PROVISIONING: frozenset({Status.PROVISIONED, Status.ERROR, Status.DEPROVISIONING}),
    Status.PROVISIONED: frozenset({Status.DEPROVISIONING}),
    Status.ERROR: frozenset({Status.DEPROVISIONING}),
    Status.DEPROVISIONING: frozenset({Status.GONE}),
    Status.GONE: frozenset(),
}

UNSETTLED: Final = frozenset({Status.CLAIMING, Status.PENDING, Status.PROVISIONING, Status.DEPROVISIONING})
"""Statuses in which something still has to be done: by whoever claims, or by a workflow."""


def allows(source: Status, target: Status) -> bool:
    """Whether a record may be written with a status after the other."""
    return source is target or target in TRANSITIONS[source]


def sources_of(target: Status) -> list[Status]:
    """The statuses that may turn into ``target``, in the order of the table."""
    return [status for status, targets in TRANSITIONS.items() if target in targets]


@dataclass(frozen=True, slots=True)
class Tag:
    """A customer's label."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run of domains under the tag of its booking."""

    placement: Placement
    tag: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """The record of a reservation. Times are seconds since the epoch.

    ``placement``, ``topology_hash`` and ``hardware`` are ``None`` once the capacity is released; ``hardware``
    is a digest of the domains that the hash is of, see ``hardware_digest``. ``failure`` is set when
    provisioning has begun to be undone, and stays as the message of status ``error``. ``attempt`` numbers
    the executions of the current workflow, ``provision_attempt`` is the last one of provisioning once that
    is over. ``deadline`` is when provisioning gives up. ``counted`` tells that the units are counted in the
    organization's quota. ``keyed`` tells that the id stands for an idempotency key.

    ``life`` tells apart two records that come to have one id; ``revision`` rises with every write. ``tag`` is
    that of the booking that owns the placement. ``named`` is a run that it may own besides: until
    ``claiming_until``, while it is claiming, it is about to; in status ``error`` it gives it back. A record
    of an earlier version has neither life nor tag: it owns its domains by its holder tag.
    """

    NOUN: ClassVar[str] = "reservation"

    id: str
    organization_id: str
    project_id: str
    name: str
    description: str | None
    tags: tuple[Tag, ...]
    region_id: str
    accelerator: str
    unit: str
    count: int
    flavor_id: str
    hosts_per_unit: int
    placement: Placement | None
    topology_hash: str | None
    status: Status
    created_at: int
    created_by: str
    fingerprint: str
    keyed: bool
    counted: bool
    attempt: int = 0
    provision_attempt: int = 0
    unsettled_since: int | None = None
    deadline: int | None = None
    failure: str | None = None
    deleted_at: int | None = None
    hardware: bytes | None = None
    life: bytes | None = None
    revision: int = 0
    tag: bytes | None = None
    named: Run | None = None
    claiming_until: int | None = None

    @property
    def is_unsettled(self) -> bool:
        """Whether something still has to be done for it."""
        return self.status in UNSETTLED or self.named is not None

    @property
    def is_shown(self) -> bool:
        """Whether customers are told of it: not before it owns what it is about."""
        return self.status is not Status.CLAIMING

    @property
    def owner(self) -> bytes:
        """What stands for the holder in a pod that it owns domains of."""
        return self.tag or holder_tag(self.id)

    @property
    def owned_units(self) -> int:
        """How many units the reservation owns."""
        return self.placement.count if self.placement else 0

    @property
    def counts(self) -> dict[str, int]:
        """What is counted of it, by subject of a quota."""
        return {self.accelerator: self.count} if self.counted else {}

    @property
    def uncounted(self) -> dict[str, int]:
        """What it uses by subject of a quota, as far as that is not counted: nothing once it owns nothing.

        One that is claiming uses what it is about to own.
        """
        uses = self.placement is not None or self.status is Status.CLAIMING
        return {self.accelerator: self.count} if uses and not self.counted else {}

    @property
    def hosts_expected(self) -> int:
        """How many hosts the claim covers."""
        return self.owned_units * self.hosts_per_unit

    @property
    def server_owner(self) -> str:
        """Under which name the host provider knows the holder.

        The creation time is part of it: the provider's fence of a reservation that is gone must not stop a
        later one which came to have the same id through the same idempotency key.
        """
        return f"{self.id}-{self.created_at}"

    @property
    def workflow(self) -> str | None:
        """The workflow that has to settle the record, if any: ``provision`` or ``deprovision``."""
        if self.status not in UNSETTLED or self.status is Status.CLAIMING:
            return None
        return "deprovision" if self.status is Status.DEPROVISIONING else "provision"

    @property
    def execution(self) -> str:
        """The name of the execution that the record's attempt stands for."""
        return execution_name(self.workflow or "", self, self.attempt)

    def has_tags(self, wanted: tuple[str, ...]) -> bool:
        """Whether every wanted tag, written ``name=value``, is among the reservation's.

        Compared as written, so that a tag is found whatever has an equals sign, its name or its value.
        """
        return {f"{tag.name}={tag.value}" for tag in self.tags}.issuperset(wanted)


def execution_name(workflow: str, reservation: Reservation, attempt: int) -> str:
    """The name of a workflow execution: the same for whoever starts it, so it starts once.

    Step Functions remembers names for 90 days; the creation time keeps apart two reservations that came,
    one after the other, to have the same id through the same idempotency key.
    """
    return f"{workflow}-{reservation.id}-{reservation.created_at}-{attempt}"
