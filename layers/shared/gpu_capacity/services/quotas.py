"""Limits on what an organization may own. Set by operators; customers only ever meet the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest, RaceLost
from gpu_capacity.holders.quota import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.dynamodb.claim_store import ClaimStore
    from gpu_capacity.dynamodb.quotas import QuotaStore
    from gpu_capacity.dynamodb.reservation_store import ReservationStore
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.ports import Telemetry
    from gpu_capacity.services.context import Services
    from gpu_capacity.topology.model import Region

ATTEMPTS_MAX: Final = 16
"""Times that a claim may change under one attempt to count it; a round takes far longer than a count."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """The quota as it is now, and how many holders were counted that had not been before."""

    quota: Quota | None
    counted_in: int


def check_subject(regions: Iterable[Region], subject: str) -> None:
    """Refuse what no holder is ever counted under: such a limit would stop nothing.

    Raises:
        InvalidRequest: neither ``instances`` nor an accelerator of the catalogue, in exactly this spelling.
    """
    accelerators = {offering.accelerator for region in regions for offering in region.offerings}
    known = [*sorted(accelerators), INSTANCES]
    if subject not in known:
        raise InvalidRequest("subject", f"would limit nothing: it is one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class QuotaBook:
    """What quotas are set with. ``actor`` goes into the audit line."""

    quotas: QuotaStore
    reservations: ReservationStore
    claims: ClaimStore
    telemetry: Telemetry
    actor: str

    @classmethod
    def of(cls, services: Services, actor: str) -> QuotaBook:
        """With the stores of the use cases."""
        return cls(services.quotas, services.reservations, services.claims, services.telemetry, actor)

    def set(self, organization_id: str, subject: str, limit: int) -> QuotaChange:
        """Limit an organization to ``limit`` in all: units of an accelerator, or ``instances``.

        From the moment the limit is written every new holder is counted, save by environments that have
        just seen that there was none: run it again when ``QUOTA_ABSENCE_SECONDS_MAX`` have passed. Those
        made before are counted in one by one, each in a transaction that marks it as counted: so it may be
        cut short and run again.
        What is owned beyond the limit stays owned; the limit only stops more.
        """
        self.quotas.set_limit(organization_id, subject, limit)
        counted_in = (
            self._count_claims(organization_id)
            if subject == INSTANCES
            else self._count_reservations(organization_id, subject)
        )
        target = f"{organization_id}/{subject}"
        self.telemetry.audit(self.actor, "set_quota", target, "set", limit=limit, counted_in=counted_in)
        return QuotaChange(self.quotas.read(organization_id, subject), counted_in)

    def _count_reservations(self, organization_id: str, accelerator: str) -> int:
        return sum(
            self.reservations.count_in(reservation)
            for reservation in self.reservations.of_organization(organization_id)
            if reservation.accelerator == accelerator and not reservation.counted and reservation.placement
        )

    def _count_claims(self, organization_id: str) -> int:
        return sum(
            count_in(self.quotas, self.claims, organization_id, claim.id)
            for claim in self.claims.of_organization(organization_id)
            if not claim.counted
        )


def count_in(quotas: QuotaStore, claims: ClaimStore, organization_id: str, claim_id: str) -> bool:
    """Count a claim that was recorded before its organization had a limit; true when this call did it.

    Raises:
        RaceLost: the claim changed every time.
    """
    for _ in range(ATTEMPTS_MAX):
        quota, claim = quotas.read(organization_id, INSTANCES), claims.get(organization_id, claim_id)
        if quota is None or claim is None or claim.counted:
            return False
        if claims.count_in(claim, quota).stands:
            return True
    raise RaceLost("the capacity claim changed every time")
