"""The record of a reservation, its statuses, and the table of transitions between them.

::

    claiming ──► pending ──► provisioning ──► provisioned
        │           │            │  │             │
        │           │            │  └──► error    │          error: servers undone, capacity released
        │           ▼            ▼         ▼      ▼
        │           └───────────► deprovisioning ◄┘          wins over everything else
        ▼                              │
       gone ◄──────────────────────────┘                     the record is removed; GET answers 404

Customers are not shown a record that is ``claiming``: it names a run that it does not own yet. While it is
``provisioning``, a run whose hosts cannot be held is exchanged for another one: see ``reservations.moving``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from gpu_capacity.holders.project_scoped import ProjectScoped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.placement.model import Placement

UNITS_PER_RESERVATION_MAX: Final = 128
"""The size of the largest published scalable unit. One condition for each unit must fit into an expression of
4 KB."""

DESCRIPTION_BYTES_MAX: Final = 4096
TAGS_MAX: Final = 50
TAG_NAME_BYTES_MAX: Final = 128
TAG_VALUE_BYTES_MAX: Final = 256
"""Bytes in UTF-8. With these limits a record stays below 25 KB; an item may have 400 KB."""


class Status(StrEnum):
    """Provisioning status. Only a tombstone has ``gone``."""

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
"""Statuses with work to do: for the process that claims, or for a workflow."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of domains under the tag of its booking, or the holder tag that a version before 0.7.0 used."""

    placement: Placement
    tag: bytes


Hosts: TypeAlias = tuple[tuple[int, int], ...]
"""Hosts of a reservation's pod: (position of the domain, mask over slots), in order of positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(ProjectScoped):
    """The record of a reservation. Times are seconds since the epoch.

    ``runs`` are what the reservation owns, in position order and all in one pod: one run as it was claimed,
    fewer units or several runs once some were released, none before it owns anything and after it has
    released everything. ``leaving`` are runs that its customer has released: their bookings end when the
    provider has let go of their hosts. ``topology_hash`` and ``hardware`` are None before it owns anything
    and in status ``error``; ``hardware`` is the digest of the domains that the hash was computed from, see
    ``hardware_digest``. ``failure`` is set when the undo of provisioning begins. ``provision_attempt`` is the
    number of the last provisioning execution, once a teardown has begun. ``deadline`` is when provisioning
    gives up; of a provisioned reservation, when released units should be free.

    ``moved_for`` says for each move of its run, while it was provisioned, why the hosts could not be held.
    ``checked_again`` is the number of runs whose unfit hosts were asked for a second time.
    During a move the record first names the run to come; then it lists that one, and the other is leaving.

    ``life`` is random and distinguishes records that have the same id one after the other; ``revision`` rises
    with every write. ``named`` is a run that the record may own as well: a claiming record is going to own
    it, until ``claiming_until``; one that is provisioning is moving there; a record in status ``error`` is
    going to release it. A record of an earlier version has no life.

    ``spare_hosts_per_unit`` is how many fit hosts of each unit placements leave free when they are made, for
    servers that lose their hosts.

    ``occupied`` has the hosts of each placement, by its id. They are disjoint and owned. Every change of them
    is a change of this record, so placements, a release of units and a delete exclude each other.
    """

    NOUN: ClassVar[str] = "reservation"

    accelerator: str
    unit: str
    count: int
    hosts_per_unit: int
    runs: tuple[Run, ...]
    topology_hash: str | None
    status: Status
    provision_attempt: int = 0
    deadline: int | None = None
    hardware: bytes | None = None
    life: bytes | None = None
    revision: int = 0
    leaving: tuple[Run, ...] = ()
    named: Run | None = None
    claiming_until: int | None = None
    spare_hosts_per_unit: int = 0
    moved_for: tuple[str, ...] = ()
    checked_again: int = 0
    occupied: Mapping[str, Hosts] = field(default_factory=dict, hash=False)

    @property
    def is_unsettled(self) -> bool:
        """Whether there is work to do for it."""
        return self.status in UNSETTLED or self.named is not None or bool(self.leaving)

    @property
    def is_releasing(self) -> bool:
        """Whether released units have to be freed while the reservation stays."""
        return self.status is Status.PROVISIONED and bool(self.leaving)

    @property
    def is_moving(self) -> bool:
        """Whether a move of its run was begun and is not finished."""
        return self.status is Status.PROVISIONING and (self.named is not None or bool(self.leaving))

    @property
    def hold_owner(self) -> str:
        """The provider's name for the owner of the holds of its run.

        Each run has its own: the fence of a run that it has left must not stop the holds of the next one.
        """
        return self._hold_owner(len(self.moved_for))

    @property
    def hold_owners(self) -> tuple[str, ...]:
        """Every name under which it may have holds: also that of the run that it is leaving."""
        moves = len(self.moved_for)
        first = moves - 1 if moves and self.leaving else moves
        return tuple(self._hold_owner(number) for number in range(first, moves + 1))

    def _hold_owner(self, moves: int) -> str:
        return f"{self.server_owner}.{moves}" if moves else self.server_owner

    @property
    def is_shown(self) -> bool:
        """Whether customers see it: not while it is claiming."""
        return self.status is not Status.CLAIMING

    @property
    def pod_id(self) -> str | None:
        """The pod that has its units; None if it owns none."""
        return self.runs[0].placement.pod_id if self.runs else None

    @property
    def positions(self) -> tuple[int, ...]:
        """Where its units are in that pod, in order."""
        return tuple(position for run in self.runs for position in run.placement.positions)

    @property
    def owned_units(self) -> int:
        """How many units the reservation owns."""
        return sum(run.placement.count for run in self.runs)

    @property
    def units_used(self) -> int:
        """How many units it owns or is claiming: what a quota counts of it."""
        return self.count if self.status is Status.CLAIMING else self.owned_units

    @property
    def counts(self) -> dict[str, int]:
        """What quotas already count of it, by subject."""
        return {self.accelerator: self.units_used} if self.counted else {}

    @property
    def uncounted(self) -> dict[str, int]:
        """What quotas do not count of it yet, by subject."""
        return {self.accelerator: self.units_used} if self.units_used and not self.counted else {}

    @property
    def hosts_expected(self) -> int:
        """How many hosts the owned units should have."""
        return self.owned_units * self.hosts_per_unit

    @property
    def workflow(self) -> str | None:
        """The workflow that has to settle the record, if any: ``provision`` or ``deprovision``.

        The latter also frees what a reservation that stays has released.
        """
        if self.is_releasing:
            return "deprovision"
        if self.status not in UNSETTLED or self.status is Status.CLAIMING:
            return None
        return "deprovision" if self.status is Status.DEPROVISIONING else "provision"

    @property
    def execution(self) -> str:
        """The name of the workflow execution of the current attempt."""
        if self.is_releasing:
            return f"release-{self.id}-{self.leaving[-1].tag.hex()}-{self.attempt}"
        return execution_name(self.workflow or "", self, self.attempt)

    @property
    def occupied_hosts(self) -> dict[int, int]:
        """The hosts that placements have: masks over slots, by the position of the domain."""
        masks: dict[int, int] = {}
        for hosts in self.occupied.values():
            for position, mask in hosts:
                masks[position] = masks.get(position, 0) | mask
        return masks

    def unit_id(self, position: int) -> str:
        """The id of the unit at a position of the pod: 64 hex digits.

        Without meaning for customers, and the same for as long as the reservation has the unit.
        """
        of_whom = self.life or self.server_owner.encode()
        if self.moved_for:
            # Another pod has the same positions.
            of_whom += bytes([len(self.moved_for)])
        return hashlib.sha256(of_whom + position.to_bytes(2, "big")).hexdigest()

    def with_placement(self, placement_id: str, hosts: Hosts) -> Reservation:
        """The reservation after a placement has taken these hosts, which must be free."""
        return replace(self, occupied={**self.occupied, placement_id: hosts})

    def without_placement(self, placement_id: str) -> Reservation:
        """The reservation after a placement has given its hosts back."""
        return replace(
            self, occupied={key: self.occupied[key] for key in self.occupied if key != placement_id}
        )


def execution_name(workflow: str, reservation: Reservation, attempt: int) -> str:
    """The name of a workflow execution. It follows from the record, so two starters start it once.

    Step Functions remembers names for 90 days. The creation time distinguishes reservations that have the
    same id one after the other because of the same idempotency key.
    """
    return f"{workflow}-{reservation.id}-{reservation.created_at}-{attempt}"
