"""Hold what is created to its organization's quotas, exactly and without a write where there is none.

Whoever creates a holder reads the quotas first. Where there is one, the record and its count are written in
one transaction, under the limit as it was read. Where there is none, the record is written uncounted; then
the quotas are read once more, and only when there still is none is the holder acknowledged.

An operator does it the other way round: first the quota begins to count, then every record of the
organization is read and what is uncounted is counted in, and only then is the limit set. Of the two, who
writes and then reads, at least one sees what the other wrote: no holder that was acknowledged escapes the
count, and from the moment that the limit is written nothing is accepted beyond it. No clock is involved.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gpu_capacity.errors import QuotaExceeded, RaceLost, StorageUnavailable, TryAgain
from gpu_capacity.holders.quota import noun_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from gpu_capacity.dynamodb.claim_store import ClaimStore
    from gpu_capacity.dynamodb.quotas import QuotaStore
    from gpu_capacity.dynamodb.reservation_store import ReservationStore
    from gpu_capacity.dynamodb.vm_store import VmStore
    from gpu_capacity.holders.capacity_claim import CapacityClaim
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.reservation import Reservation
    from gpu_capacity.holders.vm import Vm
    from gpu_capacity.services.context import Services

ATTEMPTS_MAX: Final = 16
"""Times that a holder may change under one attempt to count it; a change takes far longer than a count."""


class Countable(Protocol):
    """A holder of any kind."""

    @property
    def organization_id(self) -> str:
        """Whose it is."""

    @property
    def uncounted(self) -> Mapping[str, int]:
        """What it uses by subject, as far as that is not counted."""


Holder = TypeVar("Holder", bound=Countable)


def allowed(services: Services, organization_id: str, uses: Mapping[str, int]) -> dict[str, Quota]:
    """The quotas that a new holder has to be counted in, by subject.

    Raises:
        QuotaExceeded: the organization would own more than its limit.
    """
    found = services.quotas.read_many(organization_id, uses)
    for subject, quota in found.items():
        check(quota, uses[subject])
    return found


def check(quota: Quota | None, more: int) -> None:
    """Refuse what a quota has no room for.

    Raises:
        QuotaExceeded: it has not.
    """
    if quota is not None and quota.limit is not None and not quota.allows(more):
        raise QuotaExceeded(
            quota.subject, noun_of(quota.subject), requested=more, limit=quota.limit, used=quota.used
        )


def confirm_claim(services: Services, claim: CapacityClaim) -> None:
    """Count a new capacity claim whose organization came to be counted while it was recorded.

    Raises:
        StorageUnavailable: that cannot be told, so the claim, which stands, must not be acknowledged.
    """
    with _standing():
        if _came(services.quotas, claim):
            count_in_claim(services.quotas, services.claims, claim)


def confirm_vm(services: Services, vm: Vm) -> None:
    """The same of a VM."""
    with _standing():
        if _came(services.quotas, vm):
            count_in_vm(services.quotas, services.vms, vm)


def count_in_reservation(quotas: QuotaStore, store: ReservationStore, reservation: Reservation) -> bool:
    """Count a reservation that was recorded before its organization was counted; true when this call did it.

    Raises:
        RaceLost: it changed every time.
    """
    key = (reservation.organization_id, reservation.id)
    return _count_in(quotas, lambda: store.present(*key), store.count_in)


def count_in_claim(quotas: QuotaStore, store: ClaimStore, claim: CapacityClaim) -> bool:
    """The same of a capacity claim."""
    key = (claim.organization_id, claim.id)
    return _count_in(quotas, lambda: store.get(*key), store.count_in)


def count_in_vm(quotas: QuotaStore, store: VmStore, vm: Vm) -> bool:
    """The same of a VM."""
    return _count_in(quotas, lambda: store.get(*vm.key), store.count_in)


@contextmanager
def _standing() -> Iterator[None]:
    """Whatever fails now, the record stands: whoever is told to try again must not think that it does not."""
    try:
        yield
    except TryAgain as error:
        raise StorageUnavailable(str(error), outcome_unknown=True) from error


def _came(quotas: QuotaStore, holder: Countable) -> bool:
    """Whether there is a quota by now that a holder, whose record stands, is not counted in."""
    return bool(holder.uncounted and quotas.read_many(holder.organization_id, holder.uncounted))


def _count_in(
    quotas: QuotaStore,
    look: Callable[[], Holder | None],
    write: Callable[[Holder, Collection[str]], bool],
) -> bool:
    for _ in range(ATTEMPTS_MAX):
        holder = look()
        if holder is None or not holder.uncounted:
            return False
        found = quotas.read_many(holder.organization_id, holder.uncounted)
        if not found:
            return False
        for quota in found.values():
            if quota.is_default:
                quotas.begin(quota.organization_id, quota.subject)
        if write(holder, sorted(found)):
            return True
    raise RaceLost("the holder changed every time")
