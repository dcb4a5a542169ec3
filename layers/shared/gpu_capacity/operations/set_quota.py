"""Set what an organization may own. Operators do; customers read it, and meet the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.quota import INSTANCES, VM_GPUS, VMS
from gpu_capacity.holders.quotas import count_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from gpu_capacity.capacity_claims.roles import HasClaims
    from gpu_capacity.capacity_claims.store import ClaimStore
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.roles import HasQuotas, HasTelemetry
    from gpu_capacity.inventory.model import Region
    from gpu_capacity.ports import Telemetry
    from gpu_capacity.reservations.roles import HasReservations
    from gpu_capacity.reservations.store import ReservationStore
    from gpu_capacity.vms.roles import HasVms
    from gpu_capacity.vms.store import VmStore

    class Needs(HasClaims, HasQuotas, HasReservations, HasTelemetry, HasVms, Protocol):
        """What the functions of this module work with."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """The quota as it is now, and how many holders were counted that had not been before."""

    quota: Quota | None
    counted_in: int


def check_subject(regions: Iterable[Region], subject: str) -> None:
    """Refuse what no holder is ever counted under: such a limit would stop nothing.

    Raises:
        InvalidRequest: no accelerator of the catalogue in exactly this spelling, and none of the other words.
    """
    accelerators = {offering.accelerator for region in regions for offering in region.offerings}
    known = [*sorted(accelerators), INSTANCES, VMS, VM_GPUS]
    if subject not in known:
        raise InvalidRequest("subject", f"would limit nothing: it is one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class QuotaSetter:
    """What quotas are set with. ``actor`` goes into the audit line."""

    quotas: QuotaStore
    reservations: ReservationStore
    claims: ClaimStore
    vms: VmStore
    telemetry: Telemetry
    actor: str

    @classmethod
    def of(cls, services: Needs, actor: str) -> QuotaSetter:
        """With the stores of the use cases."""
        return cls(
            services.quotas, services.reservations, services.claims, services.vms, services.telemetry, actor
        )

    def set(self, organization_id: str, subject: str, limit: int | None) -> QuotaChange:
        """Limit an organization to ``limit`` of a subject in all; with ``None`` take its own limit away.

        First the quota begins to count, then what was made before is counted in one by one, each in a
        transaction that marks it as counted; the limit comes last, and so holds exactly from then on. Cut
        short it has limited nothing, and can be run again.
        What is owned beyond the limit stays owned; the limit only stops more.
        """
        self.quotas.start_counting(organization_id, subject)
        counted_in = sum(self._counted_in(organization_id, subject))
        self.quotas.set_limit(organization_id, subject, limit)
        target = f"{organization_id}/{subject}"
        self.telemetry.audit(self.actor, "set_quota", target, "set", limit=limit, counted_in=counted_in)
        return QuotaChange(self.quotas.read(organization_id, subject), counted_in)

    def _counted_in(self, organization_id: str, subject: str) -> Iterator[bool]:
        if subject == INSTANCES:
            for claim in self.claims.of_organization(organization_id):
                yield subject in claim.uncounted and count_in(self.quotas, self.claims, claim)
        elif subject in (VMS, VM_GPUS):
            for vm in self.vms.of_organization(organization_id):
                yield subject in vm.uncounted and count_in(self.quotas, self.vms, vm)
        else:
            for found in self.reservations.every(organization_id):
                yield subject in found.uncounted and count_in(self.quotas, self.reservations, found)
