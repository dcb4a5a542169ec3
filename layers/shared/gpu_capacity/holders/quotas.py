"""Enforces the quotas of an organization exactly, without a write if there is no quota.

A request that creates a holder reads the quotas first. If there is a quota, the record and its count are
written in one transaction, on the condition that the limit has not changed. If there is none, the record is
written uncounted. Then the quotas are read again, and the request succeeds only if there still is none, or
after the holder was counted.

An operator's command works in the opposite order: it first starts the count, then reads all records of the
organization and counts the uncounted ones, and only then sets the limit. Both sides write first and read
afterwards, so at least one of them sees what the other wrote. Therefore every holder whose request succeeded
is counted, and no request that begins after the limit is written exceeds it. A request that was in progress
at that moment counts as an earlier one. No clock is involved.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import QuotaExceeded, RaceLost, StorageUnavailable, TryAgain
from gpu_capacity.holders.quota import noun_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.quota_store import QuotaStore
    from gpu_capacity.holders.store import H, HolderStore

ATTEMPTS_MAX: Final = 16
"""Attempts to count a holder that changes in between. A change takes far longer than a count."""


def allowed(quotas: QuotaStore, organization_id: str, uses: Mapping[str, int]) -> dict[str, Quota]:
    """The quotas that a new holder has to be counted in, by subject.

    Args:
        quotas: the store of quotas.
        organization_id: of the holder.
        uses: what the holder uses, by subject.

    Raises:
        QuotaExceeded: the organization would own more than its limit.
    """
    found = quotas.read_many(organization_id, uses)
    for subject, quota in found.items():
        check(quota, uses[subject])
    return found


def check(quota: Quota | None, more: int) -> None:
    """Check that a quota allows ``more``. ``None`` is no quota and allows everything.

    Raises:
        QuotaExceeded: the quota does not allow it.
    """
    if quota is not None and quota.limit is not None and not quota.allows(more):
        raise QuotaExceeded(
            quota.subject, noun_of(quota.subject), requested=more, limit=quota.limit, used=quota.used
        )


def confirm(quotas: QuotaStore, store: HolderStore[H], holder: H) -> None:
    """Read the quotas again after a holder was recorded uncounted, and count it if there are any now.

    Raises:
        StorageUnavailable: the quotas cannot be read, or the holder cannot be counted. The record exists, but
            the request must not succeed.
    """
    with _outcome_unknown():
        if holder.uncounted and quotas.read_many(holder.organization_id, holder.uncounted):
            count_in(quotas, store, holder)


def count_in(quotas: QuotaStore, store: HolderStore[H], holder: H) -> bool:
    """Count a holder that was recorded before its organization was counted. True if this call counted it.

    Raises:
        RaceLost: the holder changed in every attempt.
    """
    for _ in range(ATTEMPTS_MAX):
        found = store.present(holder.organization_id, holder.id)
        if found is None or not found.uncounted:
            return False
        counted = quotas.read_many(found.organization_id, found.uncounted)
        if not counted:
            return False
        for quota in counted.values():
            if quota.is_default:
                quotas.start_counting(quota.organization_id, quota.subject)
        if store.count_in(found, sorted(counted)):
            return True
    raise RaceLost("the holder changed every time")


@contextmanager
def _outcome_unknown() -> Iterator[None]:
    """Turn a ``TryAgain`` into a ``StorageUnavailable`` of unknown outcome: the record was written."""
    try:
        yield
    except TryAgain as error:
        raise StorageUnavailable(str(error), outcome_unknown=True) from error
