"""Set the quotas of organizations, as operators do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.quota import INSTANCES, PLACEMENT_SERVERS, VM_GPUS, VMS
from gpu_capacity.holders.quotas import count_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.capacity_claims.store import ClaimStore
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.roles import HasQuotas, HasTelemetry
    from gpu_capacity.holders.store import HolderStore
    from gpu_capacity.inventory.model import Region
    from gpu_capacity.placements.roles import HasPlacements
    from gpu_capacity.placements.store import PlacementStore
    from gpu_capacity.ports import Telemetry
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.reservations.store import ReservationStore
    from gpu_capacity.vms.roles import HasVms
    from gpu_capacity.vms.store import VmStore

    class Needs(HasClaims, HasPlacements, HasQuotas, HasReservations, HasTelemetry, HasVms, Protocol):
        """What the functions of this module work with."""


LIMIT_MAX: Final = 10**9
"""Beyond any fleet."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """The quota after a change, and how many existing holders were added to its count."""

    quota: Quota | None
    counted_in: int


def check_subject(regions: Iterable[Region], subject: str) -> None:
    """Refuse a subject that no holder is counted under, as its limit would have no effect.

    Raises:
        InvalidRequest: it is neither an accelerator of the catalogue in exactly this spelling, nor one of
            ``instances``, ``placement_servers``, ``vms`` and ``vm_gpus``.
    """
    accelerators = {offering.accelerator for region in regions for offering in region.offerings}
    known = [*sorted(accelerators), INSTANCES, PLACEMENT_SERVERS, VMS, VM_GPUS]
    if subject not in known:
        raise InvalidRequest("subject", f"would limit nothing: it is one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class QuotaSetter:
    """Sets quotas.

    Attributes:
        quotas: where they are stored.
        reservations: holders that are counted under accelerators.
        claims: holders that are counted under ``instances``.
        placements: holders that are counted under ``placement_servers``.
        vms: holders that are counted under ``vms`` and ``vm_gpus``.
        telemetry: gets the audit line.
        actor: goes into the audit line.
    """

    quotas: QuotaStore
    reservations: ReservationStore
    claims: ClaimStore
    placements: PlacementStore
    vms: VmStore
    telemetry: Telemetry
    actor: str

    @classmethod
    def of(cls, services: Needs, actor: str) -> QuotaSetter:
        """A setter with the stores of the use cases."""
        return cls(
            services.quotas,
            services.reservations,
            services.claims,
            services.placements,
            services.vms,
            services.telemetry,
            actor,
        )

    def set(self, organization_id: str, subject: str, limit: int | None) -> QuotaChange:
        """Set the limit of an organization for a subject; None removes the organization's own limit.

        First the quota begins to count new holders. Then every existing holder is added to the count, each
        in a transaction that marks it as counted. The limit is set last, so it is exact from then on. If this
        is interrupted there is no limit yet, and it can be run again. Capacity that is owned beyond the limit
        stays owned; the limit only refuses more.
        """
        self.quotas.start_counting(organization_id, subject)
        counted_in = sum(self._counted_in(organization_id, subject))
        self.quotas.set_limit(organization_id, subject, limit)
        target = f"{organization_id}/{subject}"
        self.telemetry.audit(self.actor, "set_quota", target, "set", limit=limit, counted_in=counted_in)
        return QuotaChange(self.quotas.read(organization_id, subject), counted_in)

    def _counted_in(self, organization_id: str, subject: str) -> Iterator[bool]:
        """Count each existing holder; yields whether it was added."""
        kinds: dict[str, HolderStore[Any]] = {
            INSTANCES: self.claims,
            PLACEMENT_SERVERS: self.placements,
            VMS: self.vms,
            VM_GPUS: self.vms,
        }
        store = kinds.get(subject, self.reservations)
        for holder in store.every(organization_id):
            yield subject in holder.uncounted and count_in(self.quotas, store, holder)
