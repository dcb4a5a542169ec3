"""A world for tests of the sync: an empty inventory, a feed, and tenants that claim and release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.database import Committed, Database
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.acceptance import DropLimits
from gpu_capacity.inventory.fleet.document import DOCUMENT_BYTES_MAX
from gpu_capacity.inventory.fleet.store import FleetStore
from gpu_capacity.inventory.fleet.sync import FleetSync, SyncLimits, SyncReport, sync_inventory
from testkit.doubles import RecordedTelemetry
from testkit.fleet import documents
from testkit.world import INVENTORY, World

if TYPE_CHECKING:
    from gpu_capacity.inventory.merge import StoredPod
    from gpu_capacity.inventory.model import Domain
    from gpu_capacity.ports import FleetFeed

HOLDER = b"\xa1" * 16
WRITES = ("put_item", "update_item", "delete_item", "transact_write_items", "batch_write_item")


class MemoryFeed:
    """A feed that returns the given document."""

    def __init__(self, content: bytes | None, bytes_max: int = DOCUMENT_BYTES_MAX) -> None:
        self.content = content
        self._bytes_max = bytes_max

    def read(self) -> bytes:
        if self.content is None:
            raise FeedRefused(FeedRefusal.UNREACHABLE, "nothing is published")
        if len(self.content) > self._bytes_max:
            raise FeedRefused(FeedRefusal.TOO_LARGE, "more than the limit")
        return self.content


class FleetWorld(World):
    """A world without pods until the sync has run."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store = FleetStore(Database(self.db), INVENTORY)

    def sync(self, content: dict[str, Any], **limits: Any) -> SyncReport:
        return self.sync_from(MemoryFeed(documents.raw(content)), **limits)

    def sync_from(self, feed: FleetFeed, **limits: Any) -> SyncReport:
        self.telemetry = RecordedTelemetry()
        drops = DropLimits(limits.pop("max_drop_share", 0.2), limits.pop("max_drop_hosts", 0))
        bounds = SyncLimits(drops, **limits)
        return sync_inventory(
            FleetSync(feed, self.store, self.events, self.telemetry, self.pause, self.clock, bounds)
        )

    def hold(self, pod_id: str, *positions: int, region_id: str = "r1", version: int | None = None) -> bool:
        """Claim domains as a tenant does: all or none, under the condition of the version that was read."""
        read_version = self.pod(pod_id, region_id).pod.version if version is None else version
        names = [keys.domain_attribute(p) for p in positions]
        return self._claims(
            pod_id,
            region_id,
            "SET " + ", ".join(f"{name} = :holder" for name in names),
            " AND ".join(["#v = :v", *(f"attribute_not_exists({name})" for name in names)]),
            {":holder": {"B": HOLDER}, ":v": {"N": str(read_version)}},
        )

    def release(self, pod_id: str, *positions: int, region_id: str = "r1") -> None:
        names = ", ".join(keys.domain_attribute(p) for p in positions)
        assert self._claims(pod_id, region_id, f"REMOVE {names}", "attribute_exists(#v)", {})

    def _claims(
        self, pod_id: str, region_id: str, update: str, condition: str, values: dict[str, Any]
    ) -> bool:
        key = keys.owners(region_id, "flavor-a", pod_id)
        write = Update("claim", INVENTORY, key, update, condition, {"#v": "v"}, values)
        return isinstance(Database(self.db).commit(write), Committed)

    def pod(self, pod_id: str, region_id: str = "r1") -> StoredPod:
        stored = self.store.read_pod(region_id, pod_id)
        assert stored is not None
        return stored

    def domain(self, pod_id: str, position: int) -> Domain:
        (domain,) = self.pod(pod_id).pod.between(position, 1)
        return domain

    def positions(self, pod_id: str, region_id: str = "r1") -> list[int]:
        return [d.position for d in self.pod(pod_id, region_id).pod.domains]

    def all_hosts(self) -> list[str]:
        """Return the ids of all hosts, once for each place."""
        stored = self.store.read(["r1"])
        return [h.id for p in stored.pods.values() for d in p.pod.domains for h in d.hosts]

    def writes(self) -> int:
        return sum(self.db.requests[operation] for operation in WRITES)
