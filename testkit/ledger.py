"""Short ways to say what happened in a world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from testkit.world import caller, request

if TYPE_CHECKING:
    from gpu_capacity.reservations.observation import Observed
    from testkit.world import World

NOWHERE: frozenset[str] = frozenset()


def reserve(world: World, count: int = 1, *, key: str | None = None, **changes: Any) -> Observed:
    """An ordinary request of an ordinary caller."""
    return create_reservation(world.services, caller(), request(count, **changes), idempotency_key=key)


def delete(world: World, reservation_id: str) -> None:
    """A delete by the same caller."""
    delete_reservation(world.services, caller(), reservation_id, NOWHERE)


def records(world: World) -> list[str]:
    """Statuses of all records, tombstones included."""
    items = world.db.table("holders").items()
    return [item["status"]["S"] for item in items if item["sk"]["S"].startswith("RESERVATION#")]
