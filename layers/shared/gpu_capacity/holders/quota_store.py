"""Reads quota items, and builds the writes that change a count together with a holder's record.

A quota is an item in its organization's partition, under its subject. ``used`` is the sum over all holders
that are marked as counted: the write of a count is always in the transaction that marks the record, removes
it, or changes its size.

An item without a limit counts as well. Without an item and without a default nothing is counted. Code that
records a holder uncounted has to read the quota again after the write: see ``holders/quotas.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.decoding import decoder, whole, whole_or_none
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gpu_capacity.dynamodb.database import Database

QUOTA: Final = "quota"
"""The label of the writes of quotas, or the beginning of their labels."""

QUOTAS_CACHED_MAX: Final = 10_000
"""Number of quotas that an execution environment caches: some 3 MB."""

_CONFLICTS_MAX: Final = 12
_LIMIT_NAME: Final = {"#limit": "limit"}
_ZERO: Final = {":zero": encode_value(0)}


@decoder
def decode_quota(item: Mapping[str, Any]) -> Quota:
    """Decode an organization's quota on one subject. Defaults are not applied."""
    return Quota(
        organization_id=item["pk"].removeprefix(keys.organization_partition("")),
        subject=item["sk"].removeprefix(keys.QUOTA_PREFIX),
        limit=whole_or_none(item, "limit"),
        used=whole(item, "used"),
    )


def count(table: str, quota: Quota, more: int, label: str = QUOTA) -> Update:
    """The write that adds ``more`` to the count; it may be negative.

    Conditions: the limit has not changed since ``quota`` was read, and allows a positive ``more``.
    """
    key = keys.quota(quota.organization_id, quota.subject)
    values = {":amount": encode_value(more)}
    room = ""
    if more > 0 and quota.limit is not None:
        room = "used <= :room"
        values[":room"] = encode_value(quota.limit - more)
    if quota.is_default:
        # The first counted holder of an organization creates the item.
        demand = "attribute_not_exists(#limit)" + (
            f" AND (attribute_not_exists(used) OR {room})" if room else ""
        )
        change = "SET used = if_not_exists(used, :zero) + :amount"
        return Update(label, table, key, change, demand, _LIMIT_NAME, values | _ZERO)
    if quota.limit is None:
        demand = "attribute_not_exists(#limit) AND attribute_exists(used)"
    else:
        demand = "#limit = :limit" + (f" AND {room}" if room else "")
        values[":limit"] = encode_value(quota.limit)
    return Update(label, table, key, "SET used = used + :amount", demand, _LIMIT_NAME, values)


def count_in(table: str, organization_id: str, subject: str, amount: int, label: str = QUOTA) -> Update:
    """The write that counts a holder which was recorded before its organization was counted.

    It may exceed the limit: a limit refuses new holders and does not affect existing ones.
    """
    return Update(
        label,
        table,
        keys.quota(organization_id, subject),
        "SET used = used + :amount",
        "attribute_exists(used)",
        {},
        {":amount": encode_value(amount)},
    )


def uncount(table: str, organization_id: str, subject: str, amount: int, label: str = QUOTA) -> Update:
    """The write that subtracts ``amount`` from the count."""
    return Update(
        label,
        table,
        keys.quota(organization_id, subject),
        "SET used = used - :amount",
        "used >= :amount",
        {},
        {":amount": encode_value(amount)},
    )


class QuotaStore:
    """Reads and writes the quotas in the holders table.

    Args:
        database: the database to use.
        holders_table: the name of the table.
        defaults: by subject, the limit for organizations that have none of their own.
    """

    def __init__(
        self, database: Database, holders_table: str, defaults: Mapping[str, int] | None = None
    ) -> None:
        self._database = database
        self._table = holders_table
        self._defaults = defaults or {}
        self._cached: dict[tuple[str, str], Quota | None] = {}

    def cached(self, organization_id: str, subject: str) -> Quota | None:
        """The quota as read last, of any age; read now if it was never read.

        Only for a write that demands the same limit, or for one after which the quota is read again.
        """
        place = (organization_id, subject)
        return self._cached[place] if place in self._cached else self.read(organization_id, subject)

    def read(self, organization_id: str, subject: str) -> Quota | None:
        """The organization's quota on a subject as read now; ``None`` if nothing is counted."""
        return self.read_many(organization_id, [subject]).get(subject)

    def read_many(self, organization_id: str, subjects: Iterable[str]) -> dict[str, Quota]:
        """The quotas on several subjects that are counted, by subject. Strongly consistent."""
        wanted = list(subjects)
        if len(wanted) == 1:
            item = self._database.get(self._table, keys.quota(organization_id, wanted[0]))
            items = [] if item is None else [item]
        else:
            items = self._database.get_many(self._table, [keys.quota(organization_id, s) for s in wanted])
        stored = {quota.subject: quota for quota in map(decode_quota, items)}
        found = {
            subject: self._effective(organization_id, subject, stored.get(subject)) for subject in wanted
        }
        self._cache(organization_id, found)
        return {subject: quota for subject, quota in found.items() if quota is not None}

    def limits(self, organization_id: str) -> list[Quota]:
        """Every limit that applies to an organization, in order of subject."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(self._table, partition, keys.QUOTA_PREFIX)
        stored = {quota.subject: quota for quota in self._database.readable(items, decode_quota)}
        found = (
            self._effective(organization_id, subject, stored.get(subject))
            for subject in sorted(stored.keys() | self._defaults.keys())
        )
        return [quota for quota in found if quota is not None and quota.limit is not None]

    def start_counting(self, organization_id: str, subject: str) -> None:
        """Create the item without changing a count, so that holders are counted from now on."""
        self._set(organization_id, subject, "SET used = if_not_exists(used, :zero)", {}, _ZERO)

    def set_limit(self, organization_id: str, subject: str, limit: int | None) -> None:
        """Set an organization's own limit; ``None`` removes it. The count does not change."""
        counting = "SET used = if_not_exists(used, :zero)"
        if limit is None:
            self._set(organization_id, subject, f"{counting} REMOVE #limit", _LIMIT_NAME, _ZERO)
        else:
            values = {":limit": encode_value(limit)} | _ZERO
            self._set(organization_id, subject, f"{counting}, #limit = :limit", _LIMIT_NAME, values)

    def _cache(self, organization_id: str, found: Mapping[str, Quota | None]) -> None:
        if len(self._cached) + len(found) > QUOTAS_CACHED_MAX:
            self._cached.clear()
        self._cached |= {(organization_id, subject): quota for subject, quota in found.items()}

    def _effective(self, organization_id: str, subject: str, stored: Quota | None) -> Quota | None:
        default = self._defaults.get(subject)
        if default is None or (stored is not None and stored.limit is not None):
            return stored
        return replace(stored or Quota(organization_id, subject, None, 0), limit=default, is_default=True)

    def _set(
        self, organization_id: str, subject: str, change: str, names: dict[str, str], values: dict[str, Any]
    ) -> None:
        key = keys.quota(organization_id, subject)
        write = Update(QUOTA, self._table, key, change, None, names, values)
        for attempt in range(_CONFLICTS_MAX):
            if isinstance(self._database.commit(write), Committed):
                return
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)
