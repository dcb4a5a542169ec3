"""Maintenances: hardware that is worked on in a window of time. Pure: standard library only.

From its creation on a maintenance keeps new holders out, by entries among the cordons of its region. When its
window opens, free hosts go into the provider's maintenance. Held ones go when their holder allows it, which
may be earlier; or when operators force it, of which holders get notice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gpu_capacity.inventory.cordons import Target
    from gpu_capacity.inventory.model import Host, Pod


class MaintenanceStatus(StrEnum):
    """The status of a maintenance. ``ending``: its hosts are being brought back."""

    PLANNED = "planned"
    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"
    CANCELLED = "cancelled"


ACTIVE: Final = frozenset({MaintenanceStatus.PLANNED, MaintenanceStatus.OPEN})
"""Statuses in which hosts may go into the provider's maintenance."""

OVER: Final = frozenset({MaintenanceStatus.ENDED, MaintenanceStatus.CANCELLED})
"""Final statuses: nothing of the maintenance is left, except its record for a while."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A holder's word that a maintenance may begin on its hosts. ``at`` is in seconds since the epoch.

    ``life`` is that of the holder's record: an id may come again.
    """

    organization_id: str
    holder_id: str
    life: bytes | None
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Force:
    """That held hosts are taken without their holders' word. Times are in seconds since the epoch.

    Attributes:
        noticed_at: when holders could first read of it.
        takes_effect_at: when the hosts are taken, at the earliest.
    """

    noticed_at: int
    takes_effect_at: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The record of a maintenance. Times are seconds since the epoch.

    Attributes:
        targets: what is worked on, at least one.
        start: from when on.
        end: until when; after ``start``.
        reason: customers see it.
        by: who has made it.
        revision: rises with every write.
        cancelled: whether it ends because it was cancelled.
        over_at: when nothing of it was left any more.
    """

    id: str
    region_id: str
    targets: tuple[Target, ...]
    start: int
    end: int
    reason: str
    by: str
    created_at: int
    status: MaintenanceStatus = MaintenanceStatus.PLANNED
    revision: int = 0
    force: Force | None = None
    permits: tuple[Permit, ...] = ()
    cancelled: bool = False
    over_at: int | None = None

    @property
    def tag(self) -> str:
        """What the present state is called: an entity tag without its quotes."""
        return str(self.revision)

    @property
    def is_active(self) -> bool:
        """Whether hosts may go into the provider's maintenance because of it, now or later."""
        return self.status in ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left."""
        return self.status in OVER

    def permit_of(self, organization_id: str, holder_id: str, life: bytes | None) -> Permit | None:
        """The permit of a holder."""
        wanted = (organization_id, holder_id, life)
        found = (p for p in self.permits if (p.organization_id, p.holder_id, p.life) == wanted)
        return next(found, None)

    def is_forced_at(self, now: int) -> bool:
        """Whether held hosts are taken now without their holders' word."""
        return (
            self.status is MaintenanceStatus.OPEN
            and self.force is not None
            and now >= self.force.takes_effect_at
        )

    def status_at(self, now: int) -> MaintenanceStatus:
        """The status that the window demands: a planned one opens at its start, an open one ends."""
        if not self.is_active:
            return self.status
        if now >= self.end:
            return MaintenanceStatus.ENDING
        return MaintenanceStatus.OPEN if now >= self.start else self.status

    def permitted(self, permit: Permit) -> Maintenance:
        """The maintenance with one more permit."""
        return replace(self, permits=(*self.permits, permit))


@dataclass(frozen=True, slots=True)
class MaintainedHost:
    """A host that a maintenance has taken, or is about to. Recorded before anything is done to the host.

    Attributes:
        name: of this part of the maintenance at the provider; never used again.
        since: when it was recorded, in seconds since the epoch.
        pod_id: the pod that has the host.
        held: whether a holder had it then.
        in_effect_since: since when the provider has it in maintenance; ``None`` if it has not yet.
        stopped: the owner, at the provider, of the server that was stopped because of it.
        back_since: since when the host is being brought back; ``None`` before that.
    """

    maintenance_id: str
    host_id: str
    pod_id: str
    name: str
    since: int
    held: bool = False
    in_effect_since: int | None = None
    stopped: str | None = None
    back_since: int | None = None


def hosts_of(targets: Iterable[Target], pod: Pod) -> Iterator[tuple[int, Host]]:
    """The hosts of a pod that are worked on, with the positions of their domains, in order."""
    hit = [target for target in targets if target.pod_id in (None, pod.id)]
    for domain in pod.domains:
        for host in domain.hosts:
            if any(
                target.domain_id in (None, domain.id) and target.host_id in (None, host.id) for target in hit
            ):
                yield domain.position, host
