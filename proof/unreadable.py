"""Records that no function can read, as after an edit by hand.

They are in the indexes that the schedules read, and belong to no holder. The rules ignore them; they must not
keep other records from being settled, served and listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.keys import unsettled_shard
from testkit.items import CLAIM, RESERVATION, VM
from testkit.world import HOLDERS, INSTANCE_TYPE

if TYPE_CHECKING:
    from random import Random

    from testkit.dynamodb import MemoryDynamoDB

    Item = dict[str, Any]

MARK: Final = "unreadable"
"""The attribute by which the rules recognize them."""

ID: Final = "deadbeef-0000-4000-8000-00000000000"
_KINDS: Final = ((RESERVATION, "suspended"), (CLAIM, "STATUS_FAILED"), (VM, "melted"))


def plant(db: MemoryDynamoDB, draw: Random, organization: str, zone: str, now: int) -> None:
    """Put one: unsettled for long, and for a claim the first in its queue."""
    prefix, status = draw.choice(_KINDS)
    identity = f"{ID}{draw.randrange(10)}"
    item = _item(f"ORG#{organization}", prefix + identity) | {
        "status": {"S": status},
        "unsettled": {"S": unsettled_shard(identity)},
        "unsettled_since": {"N": str(now - 86_400)},
    }
    db.put_item(TableName=HOLDERS, Item=item)
    if prefix == CLAIM:
        place = _item(f"QUEUE#{zone}#{INSTANCE_TYPE}", f"{0:015}#{organization}#{identity}")
        names = {"organization": {"S": organization}, "claim": {"S": identity}}
        db.put_item(TableName=HOLDERS, Item=place | names)


def _item(partition: str, sort: str) -> Item:
    return {"pk": {"S": partition}, "sk": {"S": sort}, MARK: {"BOOL": True}}
