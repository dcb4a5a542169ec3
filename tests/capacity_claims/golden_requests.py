"""Golden files: each write request of a claim's life, as it is sent to the database.

``python -m tests.capacity_claims.golden_requests`` writes the golden files again; read the difference before
you keep it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.fill_queues import fill_zone
from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.holders.quotas import count_in
from testkit.claims import (
    CHICAGO,
    ID,
    LONDON,
    claim,
    drop,
    release,
    reserve,
    resize,
)
from testkit.world import HOLDERS, INSTANCE_TYPE, ORGANIZATION, World, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.dynamodb import MemoryDynamoDB

FOLDER: Final = Path(__file__).parent / "golden"
WRITES: Final = frozenset({"put_item", "update_item", "delete_item", "transact_write_items"})

Request = tuple[str, dict[str, Any]]


def recorded(db: MemoryDynamoDB, run: Callable[[], object]) -> list[Request]:
    """The write requests that ``run`` makes."""
    found: list[Request] = []

    def note(operation: str, parameters: dict[str, Any]) -> None:
        if operation in WRITES:
            found.append((operation, parameters))

    hook = db.before("*", note, times=None)
    run()
    hook.cancel()
    return found


def life() -> tuple[World, dict[str, list[Request]]]:
    """A claim that is counted, grows, waits, returns to its queue, moves, shrinks and is deleted."""
    world = World(pods=(pod("lon1", 2), pod("chi1", 2, region_id=CHICAGO)))
    blocked = reserve(world, 2, CHICAGO)
    requests: dict[str, list[Request]] = {}
    made = claim(world, 2, LONDON, CHICAGO, claim_id=ID, name="inference")
    world.set_quota(100, "instances")
    requests["count_in"] = recorded(
        world.db, lambda: count_in(world.services.quotas, world.services.claims, made)
    )
    requests["create"] = recorded(world.db, lambda: claim(world, 1, LONDON, name="other"))
    # One transaction writes pod and record; another writes record, queue and quota.
    requests["grow"] = recorded(world.db, lambda: resize(world, made, 5))
    release(world, blocked)
    requests["fill"] = recorded(world.db, lambda: fill_zone(world.services, CHICAGO, INSTANCE_TYPE))
    requests["move"] = recorded(world.db, lambda: resize(world, made, 2, CHICAGO))
    requests["delete"] = recorded(world.db, lambda: drop(world, made))
    requests["drain"] = recorded(world.db, lambda: settle_capacity_claim(world.services, ORGANIZATION, ID))
    requests["remove"] = recorded(world.db, lambda: settle_capacity_claim(world.services, ORGANIZATION, ID))
    return world, requests


def as_json(requests: list[Request]) -> str:
    """The request as readable JSON: binary values as hexadecimal digits."""
    return json.dumps(requests, indent=1, sort_keys=True, default=_hexadecimal) + "\n"


def _hexadecimal(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value)} in a request")
    return value.hex()


def conditions(request: Request) -> list[str]:
    """The condition of each statement of a write; an empty text where there is none."""
    operation, parameters = request
    statements = (
        [next(iter(item.values())) for item in parameters["TransactItems"]]
        if operation == "transact_write_items"
        else [parameters]
    )
    return [statement.get("ConditionExpression", "") for statement in statements]


def queue_entries(db: MemoryDynamoDB) -> list[str]:
    """Sort keys of all queue entries."""
    return [item["sk"]["S"] for item in db.table(HOLDERS).items() if item["pk"]["S"].startswith("QUEUE#")]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, found in life()[1].items():
        (FOLDER / f"{name}.json").write_text(as_json(found))
