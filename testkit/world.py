"""The service in memory: real use cases, stores and simulated region over the in-memory DynamoDB."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gpu_capacity.access import Caller, Permission
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.holders.limits import Limits
from gpu_capacity.inventory.items import encode_pod, encode_region, encode_shape
from gpu_capacity.inventory.model import (
    Architecture,
    Domain,
    Flavor,
    Gpu,
    GpuVendor,
    Host,
    HostState,
    Offering,
    Pod,
    Region,
)
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.operations.quarantine import Quarantines
from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
from gpu_capacity.providers.simulated.region import SimulatedRegion
from gpu_capacity.providers.simulated.vms import SimulatedVms
from gpu_capacity.reservations.request import ReservationRequest
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import Edges, Outside, services_of
from testkit.doubles import (
    CountingIds,
    FakeClock,
    NoLetters,
    RecordedAudits,
    RecordedEvents,
    RecordedPause,
    RecordedTelemetry,
    RecordedWorkflows,
)
from testkit.dynamodb import MemoryDynamoDB
from testkit.items import owned_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.runtime.services import Services

INVENTORY, HOLDERS, SERVERS, HISTORY = "inventory", "holders", "servers", "history"
TABLES = {
    "INVENTORY_TABLE": INVENTORY,
    "HOLDERS_TABLE": HOLDERS,
    "SERVERS_TABLE": SERVERS,
    "HISTORY_TABLE": HISTORY,
}
"""The settings that name them."""
ORGANIZATION = "161b9d5a-701d-4fea-848d-0e345edf16e9"
PROJECT = "f113be96-4dd2-4c14-9c0e-e96c500f21e0"
REGION = "uk-lon-1"
INSTANCE_TYPE = "gb300-4x"
EVERY_PERMISSION = frozenset(
    {
        Permission.CREATE_RESERVATIONS,
        Permission.READ_RESERVATIONS,
        Permission.DELETE_RESERVATIONS,
        Permission.CREATE_PLACEMENTS,
        Permission.READ_PLACEMENTS,
        Permission.UPDATE_PLACEMENTS,
        Permission.DELETE_PLACEMENTS,
        Permission.OPERATE_PLACEMENTS,
        Permission.READ_TOPOLOGY,
        Permission.READ_CAPACITY_CLAIMS,
        Permission.WRITE_CAPACITY_CLAIMS,
        Permission.READ_VMS,
        Permission.WRITE_VMS,
        Permission.READ_BILLING,
    }
)

GB300 = Flavor(
    id="g.72.gb300.pinned",
    cpus=144,
    memory_gib=960,
    disk_gb=0,
    gpu=Gpu(GpuVendor.NVIDIA, "GB300", physical_count=4, logical_count=4, memory_gib=288),
    instance_type=INSTANCE_TYPE,
    architecture=Architecture.AARCH64,
)


def create_tables(client: Any) -> None:
    """Create the four tables of the template, on any DynamoDB."""
    key_schema = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    attributes = [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ]
    for table in (INVENTORY, SERVERS, HISTORY):
        client.create_table(
            TableName=table,
            KeySchema=key_schema,
            AttributeDefinitions=attributes,
            BillingMode="PAY_PER_REQUEST",
        )
    client.create_table(
        TableName=HOLDERS,
        KeySchema=key_schema,
        AttributeDefinitions=[
            *attributes,
            {"AttributeName": "unsettled", "AttributeType": "S"},
            {"AttributeName": "unsettled_since", "AttributeType": "N"},
            {"AttributeName": "held", "AttributeType": "S"},
            {"AttributeName": "created_at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": keys.UNSETTLED_INDEX,
                "KeySchema": [
                    {"AttributeName": "unsettled", "KeyType": "HASH"},
                    {"AttributeName": "unsettled_since", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": keys.HELD_INDEX,
                "KeySchema": [
                    {"AttributeName": "held", "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def offering(region_id: str = REGION, hosts_per_unit: int = 2) -> Offering:
    """Return the GB300 flavor; two hosts per rack keep test data small."""
    return Offering(region_id, "GB300", "NVL72", GB300, "GB300_HOST", hosts_per_unit)


def rack(
    pod_id: str, position: int, *, hosts: int = 2, states: dict[int, HostState] | None = None, **changes: Any
) -> Domain:
    """Return a complete rack, or one with some hosts in another state."""
    domain = Domain(
        position=position,
        id=f"{pod_id}-rack{position:02}",
        name=f"{pod_id} rack {position:02}",
        cordoned=False,
        hosts=tuple(
            Host(
                slot=slot,
                id=f"{pod_id}-rack{position:02}-tray{slot:02}",
                name=f"{pod_id}-rack{position:02}-tray{slot:02}",
                resource_class="GB300_HOST",
                state=(states or {}).get(slot, HostState.IN_SERVICE),
            )
            for slot in range(hosts)
        ),
    )
    return replace(domain, **changes)


def pod(pod_id: str, racks: int, *, region_id: str = REGION, hosts: int = 2, version: int = 1) -> Pod:
    """Return a pod of complete racks."""
    domains = tuple(rack(pod_id, position, hosts=hosts) for position in range(racks))
    return Pod(region_id, pod_id, GB300.id, version, domains)


def zone(zone_id: str = REGION, *, hosts: int = 2) -> Region:
    """Return a zone that sells its racks whole, and their trays as instances."""
    return Region(
        id=zone_id,
        organizations=frozenset(),
        offerings=(offering(zone_id, hosts),),
        observed_at=1_779_999_000,
        instance_types=((INSTANCE_TYPE, GB300.id),),
    )


def set_quota(
    db: Any,
    limit: int,
    subject: str = "GB300",
    *,
    used: int | None = None,
    organization: str = ORGANIZATION,
) -> None:
    """Set an organization's limit without counting holders; without ``used`` the count stays."""
    kept = "if_not_exists(used, :used)" if used is None else ":used"
    db.update_item(
        TableName=HOLDERS,
        Key=keys.quota(organization, subject),
        UpdateExpression=f"SET #limit = :limit, used = {kept}",
        ExpressionAttributeNames={"#limit": "limit"},
        ExpressionAttributeValues=encode({":limit": limit, ":used": used or 0}),
    )


def request(count: int = 1, **changes: Any) -> ReservationRequest:
    """An ordinary request."""
    base = ReservationRequest(
        organization_id=ORGANIZATION,
        project_id=PROJECT,
        region_id=REGION,
        accelerator="GB300",
        unit="NVL72",
        count=count,
        name="training",
    )
    return replace(base, **changes)


def caller(**changes: Any) -> Caller:
    """Return a member of the organization and project with every customer permission."""
    base = Caller(
        subject="user-1",
        name="john.doe@example.com",
        organizations=frozenset({ORGANIZATION}),
        projects=frozenset({PROJECT}),
        permissions=EVERY_PERMISSION,
    )
    return replace(base, **changes)


def load(
    db: MemoryDynamoDB, pods: tuple[Pod, ...], regions: tuple[Region, ...], selling: tuple[Region, ...]
) -> None:
    """Write regions, and pods that ``selling`` regions offer, as the sync does; ownership of pods stays."""
    offerings = {(r.id, o.flavor.id): o for r in selling for o in r.offerings}
    for region in regions:
        db.put_item(TableName=INVENTORY, Item=encode_region(region))
    for p in pods:
        shape = shape_of(p, offerings.get((p.region_id, p.flavor_id)))
        db.put_item(TableName=INVENTORY, Item=encode_pod(p))
        db.put_item(TableName=INVENTORY, Item=encode_shape(shape))
        db.update_item(
            TableName=INVENTORY,
            Key=keys.owners(p.region_id, p.flavor_id, p.id),
            UpdateExpression="SET v = :v",
            ExpressionAttributeValues=encode({":v": p.version}),
        )


@lru_cache(maxsize=64)
def _loaded(pods: tuple[Pod, ...], regions: tuple[Region, ...], trusting: bool) -> MemoryDynamoDB:  # noqa: FBT001 - a key
    """Tables with this topology, to copy: tests make the same few worlds thousands of times."""
    db = MemoryDynamoDB(trusting=trusting)
    create_tables(db)
    load(db, pods, regions, regions)
    return db


@dataclass
class World:
    """The service and its fakes.

    ``World.environment()`` returns another execution environment on the same tables.
    """

    pods: tuple[Pod, ...] = ()
    regions: tuple[Region, ...] = ()
    behaviour: SimulatedBehaviour = field(default_factory=lambda: SimulatedBehaviour(ready_seconds=20))
    limits: Limits = field(default_factory=Limits)
    trusting: bool = False
    """Whether the tables skip the check of parameters, for runs of millions of calls."""

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.regions = self.regions or tuple(self._zones())
        self.db = _loaded(self.pods, self.regions, self.trusting).copy(self.clock.now)
        self.workflows = RecordedWorkflows()
        self.events = RecordedEvents()
        self.audits = RecordedAudits()
        self.telemetry = RecordedTelemetry()
        self.pause = RecordedPause()
        self._environments = 0
        self.services = self.environment()

    def twin(self) -> World:
        """Return another world in the same state; its execution environments have served nothing yet."""
        twin = copy(self)
        twin.clock, twin.workflows, twin.events, twin.audits, twin.telemetry, twin.pause = deepcopy(
            (self.clock, self.workflows, self.events, self.audits, self.telemetry, self.pause)
        )
        twin.db = self.db.copy(twin.clock.now)
        twin.services = twin.environment()
        return twin

    def environment(self) -> Services:
        """Return new services, as a new execution environment has them."""
        self._environments += 1
        edges = Edges(
            self.db, self.clock, CountingIds(f"environment-{self._environments}"), self.pause, self.telemetry
        )
        database = Database(self.db, self.pause, self.clock)
        outside = Outside(
            workflows=self.workflows,
            events=self.events,
            audits=self.audits,
            letters=NoLetters(),
            provider=SimulatedRegion(database, SERVERS, self.clock, self.pause, self.behaviour),
            vm_provider=SimulatedVms(database, SERVERS, self.clock, self.pause, self.behaviour),
        )
        return replace(services_of(Environment(TABLES), edges, outside), limits=self.limits)

    def load(self, pods: tuple[Pod, ...], regions: tuple[Region, ...] = ()) -> None:
        """Write topology as the sync does; ownership of existing pods stays."""
        load(self.db, pods, regions, (*self.regions, *regions))
        if regions:
            self.regions = regions

    def _zones(self) -> Iterator[Region]:
        """Yield a zone for each region with a pod; it sells the pod's racks."""
        for zone_id in sorted({p.region_id for p in self.pods}):
            racks = (domain for p in self.pods if p.region_id == zone_id for domain in p.domains)
            yield zone(zone_id, hosts=max(len(rack.hosts) for rack in racks))

    def owners(self, pod_id: str, region_id: str = REGION, flavor_id: str = GB300.id) -> dict[int, bytes]:
        """Return the owned positions of a pod, read from the table."""
        item = self.db.get_item(TableName=INVENTORY, Key=keys.owners(region_id, flavor_id, pod_id))["Item"]
        return owned_whole(item)

    def lift_quarantines(self, region_id: str = REGION) -> list[str]:
        """Lift every quarantine of a region, as an operator does; return the hosts."""
        fleet = self.services.fleet
        quarantines = Quarantines(fleet, self.telemetry, self.pause, self.clock)
        hosts = sorted(fleet.cordons(region_id).quarantines)
        for host in hosts:
            quarantines.lift(region_id, host, by="operator:me")
        return hosts

    def set_quota(self, limit: int, subject: str = "GB300", *, used: int | None = None) -> None:
        """See the function."""
        set_quota(self.db, limit, subject, used=used)

    def quota_used(self, subject: str = "GB300") -> int:
        """Return the organization's count in the quota."""
        item = self.db.get_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, subject))["Item"]
        return int(item["used"]["N"])
