"""The record of a placement (servers on some hosts of a reservation), and the table of its statuses.

::

    pending ──► provisioning ──► provisioned      back to provisioning: the placement has a new image, and its
       │          │  ▲    │        │   ▲          servers are rebuilt
       │          │  └────┼──► error ──┘          error: a server failed, or the time was up; hosts stay taken
       │          ▼       ▼     ▼  ▼
       └───────► deprovisioning ◄──┘              wins over everything else
                       │
                       ▼
                      gone                        the record is removed; GET answers 404

Which hosts a placement has is written in its reservation's record as well (``Reservation.occupied``), in the
transactions that make and remove the placement, and in those in between that move a server which has lost its
host: one takes another host, and a later one gives the old host back. Where each server is, by its ordinal,
is in ``seats``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from gpu_capacity.holders.project_scoped import ProjectScoped
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.placement import servers
from gpu_capacity.placements.moves import Moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gpu_capacity.placement.servers import Policy, Readiness
    from gpu_capacity.placements.moves import Condemned, Leaving
    from gpu_capacity.reservations.record import Hosts

USER_DATA_BYTES_MAX: Final = 16 * 1024
NAME_LENGTH_MAX: Final = 63
SERVER_ID_PREFIX: Final = "psrv-"
_SERVER_ID_DIGITS: Final = 16


class PlacementStatus(StrEnum):
    """Provisioning status. Only a tombstone has ``gone``."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DEPROVISIONING = "deprovisioning"
    ERROR = "error"
    GONE = "gone"


TRANSITIONS: Final[dict[PlacementStatus, frozenset[PlacementStatus]]] = {
    PlacementStatus.PENDING: frozenset({PlacementStatus.PROVISIONING, PlacementStatus.DEPROVISIONING}),
    PlacementStatus.PROVISIONING: frozenset(
        {PlacementStatus.PROVISIONED, PlacementStatus.ERROR, PlacementStatus.DEPROVISIONING}
    ),
    PlacementStatus.PROVISIONED: frozenset({PlacementStatus.PROVISIONING, PlacementStatus.DEPROVISIONING}),
    PlacementStatus.ERROR: frozenset(
        {PlacementStatus.PROVISIONING, PlacementStatus.PROVISIONED, PlacementStatus.DEPROVISIONING}
    ),
    PlacementStatus.DEPROVISIONING: frozenset({PlacementStatus.GONE}),
    PlacementStatus.GONE: frozenset(),
}

UNSETTLED: Final = frozenset(
    {PlacementStatus.PENDING, PlacementStatus.PROVISIONING, PlacementStatus.DEPROVISIONING}
)
"""Statuses with work to do for the workflow."""


class Unsatisfiable(StrEnum):
    """What happens if the constraints cannot be met."""

    FAIL = "fail"
    BEST_EFFORT = "bestEffort"


class StrategyType(StrEnum):
    """How servers get another image."""

    MANUAL = "Manual"
    ROLLING_UPDATE = "RollingUpdate"


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which hosts are taken, as the customer sent it: ``None`` for what was not sent."""

    policy: Policy
    max_skew: int | None = None
    min_domains: int | None = None
    when_unsatisfiable: Unsatisfiable | None = None

    @property
    def wanted(self) -> servers.Constraints:
        """The same for the choice of hosts, with what counts where nothing was sent."""
        best_effort = self.when_unsatisfiable is Unsatisfiable.BEST_EFFORT
        return servers.Constraints(self.policy, self.max_skew, self.min_domains, best_effort)


@dataclass(frozen=True, slots=True)
class Networking:
    """How servers are reached, as the customer sent it: ``None`` for what was not sent."""

    allowed_source_addresses: tuple[str, ...] | None = None
    public_ip: bool | None = None
    security_groups: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class UpdateStrategy:
    """How servers get another image.

    ``rolling_update`` is whether the customer sent that object, and ``max_unavailable`` is a number of
    servers or a percentage of them, as sent; ``None`` means 1.
    """

    type: StrategyType = StrategyType.MANUAL
    rolling_update: bool = False
    max_unavailable: str | None = None

    @property
    def is_rolling(self) -> bool:
        """Whether the service rebuilds the servers itself."""
        return self.type is StrategyType.ROLLING_UPDATE

    def budget(self, count: int) -> int:
        """How many of ``count`` servers may be rebuilt at a time: 0 if the customer rebuilds each one."""
        if not self.is_rolling:
            return 0
        amount = self.max_unavailable or "1"
        if amount.endswith("%"):
            return -(-count * int(amount[:-1]) // 100)
        return min(int(amount), count)


MANUAL: Final = UpdateStrategy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement(ProjectScoped):
    """The record of a placement. Times are seconds since the epoch.

    Attributes:
        reservation_life: the life of its reservation, whose id may come again.
        pod_id: the pod of the reservation.
        hosts: those that it has, by domain, with those that it is leaving.
        seats: the domain's position and the slot of each server, by ordinal; None while none has moved: then
            they are in the order of ``hosts``.
        moved: the servers that have moved, in order of ordinals.
        leaving: the hosts that servers have left, as long as the provider has not let go of them.
        condemned: the servers that have to leave their hosts although they run.
        served: the latest generation that a server was up with; 0 for none.
        lacking_since: when its workflow found no host for a server that it lost; None if it lacks none. Stays
            while the workflow tries again, until all servers are up.
        image_id: what its servers are to run.
        generation: the number of that image, from 1; rises with every change of the image.
        readiness: as sent; ``None`` means ``Prefer``.
        user_data: the bytes; the API has them in base64.
        life: random; distinguishes records that have the same id one after the other.
        revision: rises with every write.
    """

    NOUN: ClassVar[str] = "placement"

    reservation_id: str
    reservation_life: bytes | None
    pod_id: str
    network_id: str
    count: int
    hosts: Hosts
    constraints: Constraints
    image_id: str
    status: PlacementStatus
    life: bytes
    readiness: Readiness | None = None
    networking: Networking | None = None
    ssh_certificate_authority_id: str | None = None
    user_data: bytes | None = None
    strategy: UpdateStrategy = MANUAL
    generation: int = 1
    seats: tuple[tuple[int, int], ...] | None = None
    moved: tuple[Moved, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    condemned: tuple[Condemned, ...] = ()
    served: int = 0
    lacking_since: int | None = None
    revision: int = 0
    modified_at: int | None = None
    modified_by: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the API shows it: always."""
        return True

    @property
    def is_unsettled(self) -> bool:
        """Whether the workflow has work to do for it."""
        return self.status in UNSETTLED

    @property
    def workflow(self) -> str | None:
        """The workflow that has to settle the record, if any."""
        return "settle_placement" if self.is_unsettled else None

    @property
    def execution(self) -> str:
        """The name of the workflow execution of the current attempt.

        The creation time distinguishes placements that have the same id one after the other because of the
        same idempotency key.
        """
        return f"placement-{self.server_owner}-{self.attempt}"

    @property
    def counts(self) -> dict[str, int]:
        """What quotas already count of it, by subject."""
        return {PLACEMENT_SERVERS: self.count} if self.counted else {}

    @property
    def uncounted(self) -> dict[str, int]:
        """What quotas do not count of it yet, by subject."""
        return {} if self.counted else {PLACEMENT_SERVERS: self.count}

    @property
    def max_unavailable(self) -> int:
        """How many servers may be rebuilt at a time."""
        return self.strategy.budget(self.count)

    def slots(self) -> Iterator[tuple[int, int, int]]:
        """Where its servers are, as (ordinal, position of the domain, slot)."""
        places = self._natural_seats() if self.seats is None else self.seats
        return ((ordinal, position, slot) for ordinal, (position, slot) in enumerate(places))

    def move_of(self, ordinal: int) -> Moved | None:
        """What became of a server that has moved; None if it has not."""
        return next((moved for moved in self.moved if moved.ordinal == ordinal), None)

    def is_leaving(self, ordinal: int) -> bool:
        """Whether the provider has not yet let go of a former server of this ordinal."""
        return any(leaving.ordinal == ordinal for leaving in self.leaving)

    def is_awaited(self, ordinal: int) -> bool:
        """Whether the server of this ordinal has not been up yet, where it is now."""
        moved = self.move_of(ordinal)
        return not (self.served if moved is None else moved.served)

    def with_move(self, leaving: Leaving, position: int, slot: int, host_id: str) -> Placement:
        """The placement after the server of an ordinal has moved to another host, which must be free."""
        before = self.move_of(leaving.ordinal)
        seats = list(self._natural_seats() if self.seats is None else self.seats)
        seats[leaving.ordinal] = position, slot
        times = before.times + 1 if before else 1
        moved = Moved(leaving.ordinal, host_id, times, leaving.since)
        others = [other for other in self.moved if other.ordinal != leaving.ordinal]
        hosts = dict(self.hosts)
        hosts[position] = hosts.get(position, 0) | 1 << slot
        return replace(
            self,
            hosts=tuple(sorted(hosts.items())),
            seats=tuple(seats),
            moved=tuple(sorted((*others, moved), key=lambda one: one.ordinal)),
            leaving=(*self.leaving, leaving),
            condemned=tuple(one for one in self.condemned if one.ordinal != leaving.ordinal),
        )

    def with_condemned(self, condemned: Sequence[Condemned]) -> Placement:
        """The placement with more servers that have to leave their hosts."""
        new = {one.ordinal for one in condemned}
        others = [one for one in self.condemned if one.ordinal not in new]
        return replace(self, condemned=(*others, *condemned))

    def moving_afresh(self) -> Placement:
        """The placement as if none of its servers had moved in vain."""
        return replace(self, moved=tuple(replace(moved, times=0) for moved in self.moved))

    def without_leaving(self, gone: Sequence[Leaving]) -> Placement:
        """The placement after it has given back hosts that servers have left."""
        hosts = dict(self.hosts)
        for one in gone:
            hosts[one.position] &= ~(1 << one.slot)
        return replace(
            self,
            hosts=tuple((position, mask) for position, mask in sorted(hosts.items()) if mask),
            leaving=tuple(one for one in self.leaving if one not in gone),
        )

    def _natural_seats(self) -> Iterator[tuple[int, int]]:
        return ((p, slot) for p, mask in self.hosts for slot in range(mask.bit_length()) if mask >> slot & 1)

    def server_id(self, ordinal: int) -> str:
        """The id of the server of this ordinal: opaque, and unique as the placement's id is."""
        digest = hashlib.sha256(f"{self.id}/{ordinal}".encode()).hexdigest()
        return SERVER_ID_PREFIX + digest[:_SERVER_ID_DIGITS]

    def server_name(self, ordinal: int) -> str:
        """The name of the server of this ordinal, with as much of the placement's as a name has room for."""
        suffix = f"-{ordinal}"
        return self.name[: NAME_LENGTH_MAX - len(suffix)] + suffix
