"""A service with holders of every kind, and functions that corrupt it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, cast

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode, encode_value
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.inventory.cordons import Cordon, Cordons, Target
from gpu_capacity.inventory.fleet.store import FleetStore
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.upkeep.audit.means import Audit
from gpu_capacity.upkeep.audit.providers import Providers
from gpu_capacity.upkeep.audit.run import audit_holders
from gpu_capacity.upkeep.audit.store import AuditDatabase, AuditStore, Tables
from testkit import reservations
from testkit.world import (
    GB300,
    HOLDERS,
    INSTANCE_TYPE,
    INVENTORY,
    ORGANIZATION,
    REGION,
    SERVERS,
    World,
    caller,
    pod,
    rack,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.capacity_claims.record import CapacityClaim
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.upkeep.audit.run import AuditReport

CLAIM_ID: Final = "11111111-2222-4333-8444-555555555555"
STRANGER: Final = bytes.fromhex("c0ffee00c0ffee00")
TABLES: Final = Tables(INVENTORY, HOLDERS)


class Scene:
    """Two pods of racks of two hosts; quotas; a provisioned and a pending reservation; two claims; a cordon.

    The first claim has all it asks for; the second waits in a queue for more than is free. Nothing is free
    but pod3, whose racks are cordoned.
    """

    def __init__(self) -> None:
        self.world = self._world()
        self.db = self.world.db
        services = self.world.services
        book = QuotaSetter.of(services, "operator")
        book.set(ORGANIZATION, "GB300", 10)
        book.set(ORGANIZATION, "instances", 100)
        self.provisioned = self._reserve(2, "first")
        reservations.provision(self.world, self.provisioned)
        self.pending = self._reserve(1, "second")
        self.small = self._claim(1, "small", CLAIM_ID)
        self.waiting = self._claim(50, "waiting", None)
        none = Cordons(REGION)
        leak = Cordon(Target(pod_id="pod3"), "coolant leak", 1_780_000_000, "operator")
        FleetStore(Database(self.db), INVENTORY).write_cordons(none, none.with_cordon(leak))

    @classmethod
    def ready(cls) -> Self:
        """A scene as the constructor makes it, copied from one that is made once a process."""
        if cls not in _MADE:
            _MADE[cls] = cls()
        return cast("Self", _MADE[cls].twin())

    def twin(self) -> Self:
        """Another scene in the same state."""
        twin = copy(self)
        twin.world = self.world.twin()
        twin.db = twin.world.db
        return twin

    def _world(self) -> World:
        cordoned = replace(pod("pod3", 2), domains=tuple(rack("pod3", n, cordoned=True) for n in range(2)))
        return World(pods=(pod("pod1", 4), pod("pod2", 3), cordoned))

    def _reserve(self, count: int, key: str) -> str:
        made = create_reservation(self.world.services, caller(), request(count), idempotency_key=key)
        return made.reservation.id

    def _claim(self, count: int, name: str, claim_id: str | None) -> str:
        wanted = Resources(INSTANCE_TYPE, count, (REGION,), "CAPACITY_TYPE_CUSTOMER")
        return create_capacity_claim(self.world.services, caller(), wanted, name=name, claim_id=claim_id).id

    # Reading

    def reservation(self, reservation_id: str | None = None) -> Reservation:
        return reservations.stored(self.world, reservation_id or self.provisioned)

    def claim(self, claim_id: str | None = None) -> CapacityClaim:
        found = self.world.services.claims.get(ORGANIZATION, claim_id or self.small)
        assert found is not None
        return found

    def item(self, table: str, key: Key) -> dict[str, Any]:
        """An item as plain values."""
        return decode(self.db.get_item(TableName=table, Key=key)["Item"])

    def first_domain(self) -> tuple[Key, str]:
        """The pod and the attribute of the provisioned reservation's first domain."""
        placement = self.reservation().runs[0].placement
        return pod_key(placement.pod_id), keys.domain_attribute(placement.start)

    def booking(self) -> tuple[Key, str]:
        """The pod and the attribute of the provisioned reservation's booking."""
        reservation = self.reservation()
        return self.first_domain()[0], keys.booking_attribute(reservation.runs[0].tag)

    def claimed_domain(self) -> tuple[Key, str]:
        """The pod and the attribute of the small claim's first domain."""
        allocation = self.claim().allocations[0]
        return pod_key(allocation.pod_id), keys.domain_attribute(allocation.position)

    # Corrupting

    def set(self, table: str, key: Key, **attributes: Any) -> None:
        """Change attributes of an item by hand; ``None`` removes one."""
        # Numbers, because some names may not stand in an expression.
        names = {f"#n{number}": name for number, name in enumerate(attributes)}
        values = {f":v{n}": encode_value(v) for n, v in enumerate(attributes.values()) if v is not None}
        sets = ", ".join(f"#n{n} = :v{n}" for n, v in enumerate(attributes.values()) if v is not None)
        removes = ", ".join(f"#n{n}" for n, v in enumerate(attributes.values()) if v is None)
        expression = (f"SET {sets}" if sets else "") + (f" REMOVE {removes}" if removes else "")
        more = {"ExpressionAttributeValues": values} if values else {}
        self.db.update_item(
            TableName=table,
            Key=key,
            UpdateExpression=expression.strip(),
            ExpressionAttributeNames=names,
            **more,
        )

    def put(self, table: str, key: Key, **attributes: Any) -> None:
        self.db.put_item(TableName=table, Item=key | encode(attributes))

    def delete(self, table: str, key: Key) -> None:
        self.db.delete_item(TableName=table, Key=key)

    # Auditing

    def store(self, page_items: int | None = None) -> AuditStore:
        return AuditStore(AuditDatabase(self.db), TABLES, self.world.pause, page_items)

    def auditor(self, page_items: int | None = None) -> Audit:
        return auditor_of(self.world, page_items)

    def audit(
        self, *, fix: bool = False, page_items: int | None = None, taken_away: Iterable[str] = ()
    ) -> AuditReport:
        auditor = replace(self.auditor(page_items), taken_away=frozenset(taken_away))
        return audit_holders(auditor, fix=fix)


_MADE: Final[dict[type[Scene], Scene]] = {}
"""The first scene of each kind, which no test changes."""


def auditor_of(world: World, page_items: int | None = None) -> Audit:
    """An audit of a world that uses the world's providers."""
    store = AuditStore(AuditDatabase(world.db), TABLES, world.pause, page_items)
    providers = Providers(world.services.provider, world.services.vm_provider, world.pause)
    return Audit(store, providers, world.telemetry, world.clock, world.pause)


def leave_server(scene: Scene, owner: str, host_id: str) -> None:
    """A server that no request asked for, or that a teardown left behind."""
    scene.put(SERVERS, server_keys.HOSTS.hold(owner, host_id), region=REGION, started_at=1, ready_at=1)
    scene.put(SERVERS, server_keys.HOSTS.host(host_id), holder=owner)


def pod_key(pod_id: str) -> Key:
    return keys.owners(REGION, GB300.id, pod_id)


def tag(reservation_id: str) -> bytes:
    return holder_tag(reservation_id)


def found(report: AuditReport) -> list[str]:
    """The kinds of the findings, in order and with repetitions."""
    return sorted(one.finding.kind.value for one in report.reported)


def results(report: AuditReport) -> set[str]:
    """The results of the findings."""
    return {one.result.value for one in report.reported}


def subjects(report: AuditReport) -> Iterable[str]:
    return [one.finding.subject for one in report.reported]
