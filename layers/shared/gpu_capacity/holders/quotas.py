"""Hold what is created to its organization's quotas, exactly and without a write where there is none.

Whoever creates a holder reads the quotas first. Where there is one, the record and its count are written in
one transaction, under the limit as it was read. Where there is none, the record is written uncounted; then
the quotas are read once more, and only when there still is none is the holder acknowledged.

An operator does it the other way round: first the quota begins to count, then every record of the
organization is read and what is uncounted is counted in, and only then is the limit set. Of the two, who
writes and then reads, at least one sees what the other wrote: no holder that was acknowledged escapes the
count, and of requests that begin after the limit is written none is accepted beyond it. One that was under
way at that moment counts as if it had come before. No clock is involved.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gpu_capacity.errors import QuotaExceeded, RaceLost, StorageUnavailable, TryAgain
from gpu_capacity.holders.quota import noun_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.quota_store import QuotaStore

ATTEMPTS_MAX: Final = 16
"""Times that a holder may change under one attempt to count it; a change takes far longer than a count."""


class Countable(Protocol):
    """A holder of any kind."""

    @property
    def id(self) -> str:
        """Its own id within the organization."""

    @property
    def organization_id(self) -> str:
        """Whose it is."""

    @property
    def uncounted(self) -> Mapping[str, int]:
        """What it uses by subject, as far as that is not counted."""


Holder = TypeVar("Holder", bound=Countable)


class CountingStore(Protocol[Holder]):
    """Where holders of a kind are."""

    def present(self, organization_id: str, holder_id: str, /) -> Holder | None:
        """A holder that is not gone."""

    def count_in(self, holder: Holder, subjects: Collection[str], /) -> bool:
        """Count it under subjects of quotas, even beyond the limits; false when it has changed."""


def allowed(quotas: QuotaStore, organization_id: str, uses: Mapping[str, int]) -> dict[str, Quota]:
    """The quotas that a new holder has to be counted in, by subject.

    Raises:
        QuotaExceeded: the organization would own more than its limit.
    """
    found = quotas.read_many(organization_id, uses)
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


def confirm(quotas: QuotaStore, store: CountingStore[Holder], holder: Holder) -> None:
    """Count a new holder whose organization came to be counted while it was recorded.

    Raises:
        StorageUnavailable: that cannot be told, so the holder, which stands, must not be acknowledged.
    """
    with _standing():
        if holder.uncounted and quotas.read_many(holder.organization_id, holder.uncounted):
            count_in(quotas, store, holder)


def count_in(quotas: QuotaStore, store: CountingStore[Holder], holder: Holder) -> bool:
    """Count a holder that was recorded before its organization was counted; true when this call did it.

    Raises:
        RaceLost: it changed every time.
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
def _standing() -> Iterator[None]:
    """Whatever fails now, the record stands: whoever is told to try again must not think that it does not."""
    try:
        yield
    except TryAgain as error:
        raise StorageUnavailable(str(error), outcome_unknown=True) from error
