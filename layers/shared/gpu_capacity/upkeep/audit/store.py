"""Reads for a consistency check: whole tables page by page, and the items of one finding in one transaction.

Nothing else in the product reads whole tables. ``reading`` decodes the items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gpu_capacity.adapters.aws_failures import Failure, failure_of, failure_of_reasons
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.database import Busy, Committed, Database
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.upkeep.audit.facts import Facts, Side, Table
from gpu_capacity.upkeep.audit.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.ports import Pause

_CONFLICTS_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables, by their content."""

    inventory: str
    holders: str

    def named(self, table: Table) -> str:
        """The name of a table."""
        return self.inventory if table is Table.INVENTORY else self.holders


class AuditDatabase(Database):
    """A database that also reads whole tables, and several items in one transaction."""

    def scan(self, table: str, page_items: int | None = None) -> Iterator[dict[str, Any]]:
        """Every item of a table, decoded, strongly consistent page by page."""
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        if page_items is not None:
            request["Limit"] = page_items
        while True:
            answer = self._send("scan", **request)
            yield from (decode(item) for item in answer["Items"])
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def get_together(self, wanted: Sequence[tuple[str, Key]]) -> list[dict[str, Any] | None] | None:
        """Up to 100 items, read in one transaction; None if rivals wrote to them at the same time."""
        gets = [{"Get": {"TableName": table, "Key": key}} for table, key in wanted]
        try:
            answer = self._send("transact_get_items", TransactItems=gets)
        except ClientError as error:
            if failure_of(error) is Failure.CONFLICT:
                return None
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            if failure_of_reasons(reason.get("Code") for reason in reasons) is Failure.DEFECT:
                raise
            return None
        return [decode(found["Item"]) if "Item" in found else None for found in answer["Responses"]]


class AuditStore:
    """The tables, for a consistency check.

    Args:
        database: where to read, and for repairs to write.
        tables: names of the tables.
        pause: waits before a read or write is sent again after a conflict.
        page_items: how many items a page of a scan has at most; None for as many as fit.
    """

    def __init__(
        self, database: AuditDatabase, tables: Tables, pause: Pause, page_items: int | None = None
    ) -> None:
        self._database = database
        self._pause = pause
        self._page_items = page_items
        self.tables = tables

    def read_all(self) -> Facts:
        """All tables. Each page is consistent; the whole is not, as reading it takes some time.

        Records are read after pods. A record names what it is going to own before it owns it, and until it
        has given it back. So if a pod shows an owner first, and then no record of that owner exists, the
        owner has given its capacity back meanwhile, or the capacity leaks. A second read of the pod alone
        shows which.
        """
        reading = Reading()
        for table in (Table.INVENTORY, Table.HOLDERS):
            for item in self._database.scan(self.tables.named(table), self._page_items):
                reading.add(table, item)
        return reading.facts()

    def read_together(self, sides: Sequence[Side]) -> Facts:
        """A few items, read in one transaction; no facts if ``sides`` is empty.

        Raises:
            StorageUnavailable: rivals kept writing to them.
        """
        wanted = [(self.tables.named(side.table), side.key) for side in sides]
        if not wanted:
            return Facts()
        for attempt in range(_CONFLICTS_MAX):
            found = self._database.get_together(wanted)
            if found is not None:
                reading = Reading()
                for side, item in zip(sides, found, strict=True):
                    if item is not None:
                        reading.add(side.table, item)
                return reading.facts()
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)

    def read_organization(self, pk: str) -> Facts:
        """All items of one organization, by a strongly consistent query over as many pages as it takes."""
        reading = Reading()
        for item in self._database.query(self.tables.holders, pk):
            reading.add(Table.HOLDERS, item)
        return reading.facts()

    def read_quota(self, side: Side) -> Quota | None:
        """A quota, read strongly consistent; None if there is none."""
        item = self._database.get(self.tables.holders, side.key)
        return decode_quota(item) if item is not None else None

    def commit(self, actions: Sequence[Action]) -> bool:
        """Write all or nothing; false if a condition failed.

        Raises:
            StorageUnavailable: it is unknown whether it was written, or rivals kept writing.
        """
        for attempt in range(_CONFLICTS_MAX):
            outcome = self._database.commit(*actions)
            if not isinstance(outcome, Busy):
                return isinstance(outcome, Committed)
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)
