"""A consistent world with a ledger beside it, into which tests write contradictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proof.ledger import Ledger
from proof.stage import prepared
from testkit.world import HOLDERS

if TYPE_CHECKING:
    from testkit.dynamodb import MemoryDynamoDB


class Bench:
    """The stage with a ledger beside it."""

    def __init__(self) -> None:
        stage = prepared()
        self.now = 2_000_000_000
        self.problems: list[str] = []
        self.db: MemoryDynamoDB = stage.db.copy()
        self.holders = stage.holders
        self.ledger = Ledger(lambda: 1, lambda: self.now * 1000, lambda: None, self.problems.append)
        self.ledger.adopt(self.db.dump())
        self.db.watch(self.ledger)

    def item(self, table: str, key: dict[str, Any]) -> dict[str, Any]:
        found = self.db.table(table).get((key["pk"]["S"], key["sk"]["S"]))
        assert found is not None
        return found

    def record(self, name: str) -> dict[str, Any]:
        pk, sk = self.holders[name]
        return self.item(HOLDERS, {"pk": {"S": pk}, "sk": {"S": sk}})

    def put(self, table: str, item: dict[str, Any]) -> None:
        self.db.put_item(TableName=table, Item=item)

    def change(self, table: str, item: dict[str, Any], **changes: Any) -> None:
        """Write an item with other attributes; those that are ``None`` are removed."""
        merged = {name: value for name, value in (item | changes).items() if value is not None}
        self.put(table, merged)
