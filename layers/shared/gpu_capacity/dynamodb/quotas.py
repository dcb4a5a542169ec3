"""Quotas: the item of a limit and its count, and the writes that change the count with a holder's record.

A quota stands in its organization's partition under its subject. What it says is used is the sum over the
holders that are marked as counted: each of these writes goes into the transaction that marks the record, ends
it, or changes how much it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.decoding import decoder, whole
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.ports import Clock

QUOTA: Final = "quota"
"""The label of every write of a quota."""

QUOTA_ABSENCE_SECONDS_MAX: Final = 30
"""How long an environment believes that an organization has no limit. Most have none, and then a warm
request is one call to the database. For as long after a limit is first set some claims go uncounted; setting
it again counts them in."""

_ABSENCES_MAX: Final = 10_000
_CONFLICTS_MAX: Final = 12
_LIMIT_NAME: Final = {"#limit": "limit"}


@decoder
def decode_quota(item: Mapping[str, Any]) -> Quota:
    """An organization's quota on one subject."""
    return Quota(
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        subject=item["sk"].removeprefix(keys.QUOTA_PREFIX),
        limit=whole(item, "limit"),
        used=whole(item, "used"),
    )


def count(table: str, quota: Quota, more: int) -> Update:
    """Count ``more``, if the limit is still the one that was read and leaves room; less always fits."""
    demand, values = "#limit = :limit", {":limit": encode_value(quota.limit), ":amount": encode_value(more)}
    if more > 0:
        demand += " AND used <= :room"
        values[":room"] = encode_value(quota.limit - more)
    key = keys.quota(quota.organization_id, quota.subject)
    return Update(QUOTA, table, key, "SET used = used + :amount", demand, _LIMIT_NAME, values)


def count_in(table: str, organization_id: str, subject: str, amount: int) -> Update:
    """Count what was made before its organization had a limit, even beyond the limit.

    A limit stops new holders and takes nothing away.
    """
    return Update(
        QUOTA,
        table,
        keys.quota(organization_id, subject),
        "SET used = used + :amount",
        "attribute_exists(used)",
        {},
        {":amount": encode_value(amount)},
    )


def uncount(table: str, organization_id: str, subject: str, amount: int) -> Update:
    """Take back what was counted."""
    return Update(
        QUOTA,
        table,
        keys.quota(organization_id, subject),
        "SET used = used - :amount",
        "used >= :amount",
        {},
        {":amount": encode_value(amount)},
    )


class QuotaStore:
    """The holders table, as far as quotas go.

    Args:
        database: where to read and write.
        holders_table: name of the table.
        clock: for the age of quotas known to be absent; without it none are remembered.
    """

    def __init__(self, database: Database, holders_table: str, clock: Clock | None = None) -> None:
        self._database = database
        self._table = holders_table
        self._clock = clock
        self._absent: dict[tuple[str, str], int] = {}

    def read(self, organization_id: str, subject: str) -> Quota | None:
        """The organization's limit on a subject as it is now, ``None`` where it has none."""
        item = self._database.get(self._table, keys.quota(organization_id, subject))
        return None if item is None else decode_quota(item)

    def expected(self, organization_id: str, subject: str) -> Quota | None:
        """The same, or ``None`` where there was none ``QUOTA_ABSENCE_SECONDS_MAX`` ago or less.

        A limit that is there is read every time, because its count moves.
        """
        pair = (organization_id, subject)
        if self._clock is not None and pair in self._absent:
            if self._clock.now() - self._absent[pair] < QUOTA_ABSENCE_SECONDS_MAX:
                return None
            del self._absent[pair]
        quota = self.read(organization_id, subject)
        if quota is None and self._clock is not None:
            if len(self._absent) >= _ABSENCES_MAX:
                self._absent.clear()
            self._absent[pair] = self._clock.now()
        return quota

    def of_organization(self, organization_id: str) -> Iterator[Quota]:
        """Every limit of an organization, by subject."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(self._table, partition, keys.QUOTA_PREFIX)
        return self._database.readable(items, decode_quota)

    def set_limit(self, organization_id: str, subject: str, limit: int) -> None:
        """Set an organization's limit; what is used of it stays as counted."""
        write = Update(
            QUOTA,
            self._table,
            keys.quota(organization_id, subject),
            "SET #limit = :limit, used = if_not_exists(used, :zero)",
            None,
            _LIMIT_NAME,
            {":limit": encode_value(limit), ":zero": encode_value(0)},
        )
        for attempt in range(_CONFLICTS_MAX):
            if isinstance(self._database.commit(write), Committed):
                return
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)
