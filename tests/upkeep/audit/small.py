"""A service small enough to run every order of calls."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode, encode_value
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, World, pod
from tests.upkeep.audit.scene import STRANGER, auditor_of, pod_key

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.upkeep.audit.means import Audit


class Small:
    """One pod of three racks; the organization's instances and units are limited, and none is used."""

    def __init__(self) -> None:
        self.world = World(pods=(pod("pod1", 3),), trusting=True)
        for subject in ("GB300", "instances"):
            item = keys.quota(ORGANIZATION, subject) | encode({"limit": 100, "used": 0})
            self.world.db.put_item(TableName=HOLDERS, Item=item)
        self.owned: list[str] = []

    def twin(self) -> Small:
        """Another service in the same state."""
        twin = copy(self)
        twin.world, twin.owned = self.world.twin(), list(self.owned)
        return twin

    def auditor(self, page_items: int | None = None) -> Audit:
        return auditor_of(self.world, page_items)

    def leak(self, pod_id: str = "pod1") -> None:
        """Remove the owner of the first owned domain."""
        taken = self.item(INVENTORY, pod_key(pod_id))
        free = next(f"d{position}" for position in range(3) if f"d{position}" not in taken)
        self.world.db.update_item(
            TableName=INVENTORY,
            Key=pod_key(pod_id),
            UpdateExpression=f"SET {free} = :tag",
            ExpressionAttributeValues={":tag": encode_value(STRANGER)},
        )

    def drift(self) -> None:
        """Count one instance too many."""
        self.world.db.update_item(
            TableName=HOLDERS,
            Key=keys.quota(ORGANIZATION, "instances"),
            UpdateExpression="SET used = used + :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def item(self, table: str, key: Key) -> dict[str, Any]:
        return decode(self.world.db.get_item(TableName=table, Key=key)["Item"])
