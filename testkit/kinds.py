"""Holders of each kind behind one interface, for tests of the rules that hold for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from gpu_capacity.accounts.account import Account
from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.errors import CapacityError, HostsUnavailable, InsufficientCapacity, SliceUnavailable
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.record import Status
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from testkit.auditor import audit, gpus_held, instances_held, units_held
from testkit.claims import calm, drop, wish
from testkit.items import GONE, record_of
from testkit.placements import wish as placement_wish
from testkit.reservations import delete, tear_down
from testkit.vms.scene import Scene
from testkit.world import HOLDERS, ORGANIZATION, World, caller, pod, request

if TYPE_CHECKING:
    from gpu_capacity.runtime.services import Services

OTHER_ORGANIZATION = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"


class Kind:
    """A world with a capacity of eight units of this kind.

    Attributes:
        subject: the subject of its quota; ``noun`` is its name in refusals.
        full: the error of a create without room, ``None`` if the holder waits.
    """

    store: ClassVar[str]
    subject: ClassVar[str]
    noun: ClassVar[str]
    full: ClassVar[type[CapacityError] | None]
    world: World

    def create(
        self,
        count: int = 2,
        *,
        services: Services | None = None,
        organization: str = ORGANIZATION,
        subject: str = "user-1",
        key: str | None = None,
        dry_run: bool = False,
    ) -> Any:
        """Create a holder and return its record. Advances the clock by a millisecond."""
        self.world.clock.advance_ms(1)
        who = caller(subject=subject, organizations=frozenset({organization}))
        options = {"idempotency_key": key, "dry_run": dry_run}
        return self._create(services or self.world.services, who, count, **options)

    def _create(self, services: Services, who: Any, count: int, **options: Any) -> Any:
        raise NotImplementedError

    def end(self, made: Any) -> None:
        """Delete it and complete the deletion."""
        self.delete(made)
        self.settle(made)

    def delete(self, made: Any) -> None:
        """Delete it."""
        raise NotImplementedError

    def settle(self, made: Any) -> None:
        """Complete its deletion."""
        raise NotImplementedError

    def held(self) -> int:
        """Return how much is owned, according to the pods."""
        raise NotImplementedError

    @staticmethod
    def place_of(record: Any) -> list[Any]:
        """Return what it owns and where."""
        names = ("pod_id", "positions", "hosts", "allocations", "position", "gpus")
        return [getattr(record, name, None) for name in names]

    def stored(self) -> list[Any]:
        """Return the records that are not gone, as the product reads them."""
        services = self.world.environment()
        store = getattr(services, self.store)
        return [record for key in self.there() if (record := store.get(ORGANIZATION, key)) is not None]

    def there(self) -> list[str]:
        """Return the ids of all that are not gone."""
        items = self.world.db.table(HOLDERS).items()
        records = [record_of((item["pk"]["S"], item["sk"]["S"]), item) for item in items]
        return [r.key[1].partition("#")[2] for r in records if r and r.status not in (GONE, "destroyed")]

    def used(self) -> int:
        """Return the quota's count."""
        return self.world.quota_used(self.subject)

    def limit(self, limit: int) -> None:
        """Set the limit without counting existing holders."""
        self.world.set_quota(limit, self.subject)

    def patient(self, seconds: int) -> Services:
        """Return a new environment that treats equal requests within that many seconds as one."""
        services = self.world.environment()
        return replace(services, limits=replace(services.limits, repeat_seconds=seconds))

    def check(self) -> None:
        """Check that the auditor finds nothing."""
        assert audit(self.world.db, now=self.world.clock.now()) == []


class Reservations(Kind):
    store, subject, noun, full = "reservations", "GB300", "GB300 units", InsufficientCapacity

    def __init__(self) -> None:
        self.world = World(pods=(pod("pod1", 8),))

    def _create(self, services: Services, who: Any, count: int, **options: Any) -> Any:
        wanted = request(count, organization_id=min(who.organizations))
        return create_reservation(services, who, wanted, **options).reservation

    def delete(self, made: Any) -> None:
        delete(self.world, made.id)

    def settle(self, made: Any) -> None:
        # One that holds no hosts is gone at once; no time passes then.
        if release_reservation(self.world.services, ORGANIZATION, made.id) != {"outcome": "done"}:
            assert tear_down(self.world, made.id) == {"outcome": "done"}

    def held(self) -> int:
        return units_held(self.world.db)


class Claims(Kind):
    store, subject, noun, full = "claims", "instances", "instances", None

    def __init__(self) -> None:
        self.world = World(pods=(pod("pod1", 4),))

    def _create(self, services: Services, who: Any, count: int, **options: Any) -> Any:
        return create_capacity_claim(services, who, wish(count), **options)

    def delete(self, made: Any) -> None:
        drop(self.world, made)

    def settle(self, made: Any) -> None:
        calm(self.world)

    def held(self) -> int:
        return instances_held(self.world.db)


class Vms(Kind):
    store, subject, noun, full = "vms", "vm_gpus", "GPUs of VMs", SliceUnavailable

    def __init__(self) -> None:
        self.scene = Scene(count=1)
        self.world = self.scene.world

    def _create(self, services: Services, who: Any, count: int, **options: Any) -> Any:
        account = Account(min(who.organizations), who.subject)
        return create_vm(services, who, self.scene.request(count), account, **options)

    def delete(self, made: Any) -> None:
        destroy_vm(self.world.services, caller(), made.id, Account(made.organization_id, made.subject))

    def settle(self, made: Any) -> None:
        self.scene.engine.settle()

    def held(self) -> int:
        return gpus_held(self.world.db)


class Placements(Kind):
    """Each organization has a reservation of eight hosts."""

    store, subject, noun, full = "placements", PLACEMENT_SERVERS, "servers of placements", HostsUnavailable

    def __init__(self) -> None:
        self.world = World(pods=(pod("pod1", 8),))
        self.reservations: dict[str, str] = {}
        for organization in (ORGANIZATION, OTHER_ORGANIZATION):
            who = caller(organizations=frozenset({organization}))
            wanted = request(4, organization_id=organization)
            made = create_reservation(self.world.services, who, wanted).reservation
            self._provision(made)
            self.reservations[organization] = made.id

    def _provision(self, made: Any) -> None:
        """Set the status that the workflow would set."""
        for status in (Status.PROVISIONING, Status.PROVISIONED):
            made = self.world.services.reservations.change(
                made, replace(made, status=status, unsettled_since=None)
            )

    def _create(self, services: Services, who: Any, count: int, **options: Any) -> Any:
        wanted = placement_wish(self.reservations[min(who.organizations)], count)
        return create_placement(services, who, wanted, **options).placement

    def delete(self, made: Any) -> None:
        delete_placement(self.world.services, caller(), made.id, frozenset())

    def settle(self, made: Any) -> None:
        assert settle_placement(self.world.services, made.organization_id, made.id) == "done"

    def held(self) -> int:
        reservations = self.world.services.reservations
        found = [reservations.get(*key) for key in self.reservations.items()]
        return sum(mask.bit_count() for r in found if r for mask in r.occupied_hosts.values())

    def there(self) -> list[str]:
        return [identity for identity in super().there() if identity not in self.reservations.values()]


KINDS: tuple[type[Kind], ...] = (Reservations, Placements, Claims, Vms)


def writes(asked: dict[str, Any]) -> bool:
    """Whether a call writes; for hooks."""
    return bool({"Item", "UpdateExpression", "TransactItems"} & asked.keys())
