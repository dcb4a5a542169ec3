"""Claimants that reserve without a pause, each in its own execution environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chance import stream
from benchmarks.contention.service import SimulatedService
from benchmarks.contention.simulation import Simulation
from benchmarks.contention.transaction import reserve_in_one_transaction
from gpu_capacity.adapters.system import _PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError
from gpu_capacity.holders.quota_store import QuotaStore
from gpu_capacity.inventory.bookings import TAG_BYTES, Booking, new_tag
from gpu_capacity.inventory.items import decode_owners, encode_booking
from gpu_capacity.inventory.store import InventoryStore
from gpu_capacity.placements.store import PlacementStore
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.runs import Runs
from gpu_capacity.reservations.store import ReservationStore
from testkit.world import GB300, HOLDERS, INVENTORY, REGION, World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpu_capacity.dynamodb.client import DynamoDBClient, Item
    from gpu_capacity.inventory.items import PodOwners
    from gpu_capacity.inventory.model import Pod
    from gpu_capacity.reservations.record import Reservation
    from gpu_capacity.runtime.services import Services

SIZES: Final = (1, 2, 4)
HELD_PER_CLAIMANT: Final = 4
RACKS_PER_POD: Final = 72


@dataclass
class SimulatedPause:
    """The product's pauses (full jitter, the same limits) in virtual time."""

    simulation: Simulation
    seed: int

    def __post_init__(self) -> None:
        self._chance = stream("pause", self.seed)

    def __call__(self, attempt: int) -> None:
        bound = min(_PAUSE_SECONDS_FIRST * 2.0**attempt, _PAUSE_SECONDS_MAX)
        self.simulation.sleep(self._chance.uniform(0, bound))


class SharedDecoding(Database):
    """Decodes the answers of queries once for all claimants, because decoding takes no virtual time.

    The simulated tables return the stored items themselves; a write replaces the object.
    """

    def __init__(
        self, client: DynamoDBClient, pause: SimulatedPause, known: dict[str, tuple[Item, dict[str, Any]]]
    ) -> None:
        super().__init__(client, pause)
        self._known = known

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        answer = self._send("query", **request)
        assert "LastEvaluatedKey" not in answer, "a region of one page"
        for item in answer["Items"]:
            place = item["pk"]["S"] + item["sk"]["S"]
            known = self._known.get(place)
            if known is None or known[0] is not item:
                self._known[place] = known = (item, decode(item))
            yield known[1]


class WarmInventory(InventoryStore):
    """An inventory with the hardware of every pod in its cache: reads of hosts are not measured here."""

    hardware_of: Mapping[str, Pod]
    known: dict[str, tuple[dict[str, Any], PodOwners]]
    """Decoded ownership by pod, with its item; shared by all claimants."""

    def _owners(self, region_id: str, flavor_id: str) -> Iterator[PodOwners]:
        partition = keys.owners_partition(region_id, flavor_id)
        for item in self._database.query(self._table, partition, keys.POD_PREFIX):
            known = self.known.get(item["sk"])
            if known is None or known[0] is not item:
                self.known[item["sk"]] = known = (item, decode_owners(item))
            yield known[1]

    def start_from(self, other: InventoryStore) -> None:
        """Begin with the cache of another environment."""
        self._cached = dict(other._cached)  # noqa: SLF001 - one environment per claimant, read once

    def pod_at(self, region_id: str, pod_id: str, version: int) -> Pod | None:
        """Return hosts from the cache."""
        del region_id, version
        return self.hardware_of[pod_id]


@dataclass
class Tally:
    """Results of the claims that began within ``seconds`` after the warm-up; latencies in seconds.

    All of them are followed to their end while the other claimants continue, so that slow claims are included
    and have the same contention to the end.
    """

    seconds: float
    latencies: list[float] = field(default_factory=list)
    attempts: int = 0
    given_up: int = 0
    accepted_in_all: int = 0
    """All accepted claims, before and after included, for comparison with the total consumption."""
    sent_in_all: int = 0
    """All claims sent, refused ones and conflicts included."""
    under_way: int = 0
    """Claims that began within the window and have not ended yet; 0 at the end of the run."""

    @property
    def accepted_per_second(self) -> float:
        """Throughput of all claimants together (accepted per second)."""
        return len(self.latencies) / self.seconds

    def latency(self, share: float) -> float:
        """Return the latency (seconds) that this share of the accepted claims did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def wasted_per_accepted(self) -> float:
        """Claims sent and refused, conflicts included, per accepted one."""
        return self.attempts / len(self.latencies) - 1


@dataclass(frozen=True, slots=True)
class Crowd:
    """``claimants`` over ``pods``; each claims without a pause and holds the last ``held`` of its claims.

    After the warm-up, claims that begin within ``seconds`` are measured; the run ends when these have ended.

    ``occupied`` is the share of the racks that others own all the time, in runs of 1, 2 and 4.
    """

    claimants: int
    pods: int
    transaction: bool
    seconds: float
    warm_up_seconds: float = 0.3
    seed: int = 0
    sizes: tuple[int, ...] = SIZES
    held: int = HELD_PER_CLAIMANT
    occupied: float = 0.0

    def run(self) -> tuple[Tally, SimulatedService]:
        """Run until the claims of the window have ended."""
        hardware = tuple(pod(f"pod{n:03}", RACKS_PER_POD, hosts=1) for n in range(self.pods))
        world = World(pods=hardware, trusting=True)
        if self.occupied:
            _occupy(world, self.occupied)
        world.services.inventory.fresh_snapshot(REGION, GB300.id)
        empty = world.services.inventory
        simulation = Simulation()
        service = SimulatedService(simulation, world.db, self.seed)
        tally, shared = Tally(self.seconds), Shared()
        for number in range(self.claimants):
            claimant = _Claimant(self, number, world, service, hardware, empty, tally, shared)
            # Environments do not all start at the same moment.
            simulation.spawn(claimant.work, after=stream("start", number).uniform(0, 0.05))
        simulation.run()
        return tally, service


def _occupy(world: World, share: float) -> None:
    """Book runs of every pod for owners that keep them."""
    chance = stream("occupied", share)
    for each in world.pods:
        item: dict[str, Any] = {"v": each.version}
        taken: set[int] = set()
        while len(taken) < share * RACKS_PER_POD:
            size = chance.choice(SIZES)
            start = size * chance.randrange(RACKS_PER_POD // size)
            run = [position for position in range(start, start + size) if position not in taken]
            # The rest of it, if that is one run.
            if run and run[-1] - run[0] == len(run) - 1:
                taken.update(run)
                booking = Booking(new_tag(chance.randbytes(TAG_BYTES)), run[0], len(run), world.clock.now())
                item[keys.booking_attribute(booking.tag)] = encode_booking(booking)
                item |= {keys.domain_attribute(position): booking.tag for position in run}
        place = keys.owners(REGION, GB300.id, each.id)
        world.db.put_item(TableName=INVENTORY, Item=place | encode(item))


def over(world: World, database: Database, simulation: Simulation, pause: SimulatedPause) -> Services:
    """Return a new environment whose calls of this database take virtual time."""
    return replace(
        world.environment(),
        inventory=InventoryStore(database, INVENTORY, world.clock),
        reservations=ReservationStore(database, HOLDERS),
        placements=PlacementStore(database, HOLDERS),
        runs=Runs(database, INVENTORY),
        quotas=QuotaStore(database, HOLDERS),
        pause=pause,
        background=simulation.beside,
    )


@dataclass
class Shared:
    """Caches that claimants share: see ``SharedDecoding``."""

    items: dict[str, tuple[Item, dict[str, Any]]] = field(default_factory=dict)
    ownership: dict[str, tuple[dict[str, Any], PodOwners]] = field(default_factory=dict)


class _Claimant:
    def __init__(
        self,
        crowd: Crowd,
        number: int,
        world: World,
        service: SimulatedService,
        hardware: tuple[Pod, ...],
        empty: InventoryStore,
        tally: Tally,
        shared: Shared,
    ) -> None:
        self._shared = shared
        self._crowd = crowd
        self._simulation = service.simulation
        self._tally = tally
        self._releases = Runs(Database(service, SimulatedPause(service.simulation, -number - 1)), INVENTORY)
        self._organization = f"{number:08}-701d-4fea-848d-0e345edf16e9"
        self._chance = stream("claimant", crowd.seed, number)
        self._pause = SimulatedPause(self._simulation, number)
        self._counting = _CountingClient(service)
        self._database = SharedDecoding(self._counting, self._pause, shared.items)
        self._services = self._environment(world, hardware, empty)
        self._held: list[Reservation] = []

    def work(self) -> None:
        """Claim, and release the oldest when there are too many; the release runs during the next claim."""
        until = self._crowd.warm_up_seconds + self._crowd.seconds
        while self._simulation.now < until or self._tally.under_way:
            began, sent = self._simulation.now, self._counting.claims_sent
            noted = self._crowd.warm_up_seconds <= began < until
            self._tally.under_way += noted
            reservation = self._claim(self._chance.choice(self._crowd.sizes))
            self._tally.under_way -= noted
            self._tally.sent_in_all += self._counting.claims_sent - sent
            if noted:
                self._note(began, sent, reservation)
            if reservation is not None:
                self._tally.accepted_in_all += 1
                self._held.append(reservation)
            if len(self._held) > self._crowd.held:
                self._simulation.spawn(partial(self._give_back, self._held.pop(0)))

    def _claim(self, units: int) -> Reservation | None:
        who = caller(organizations=frozenset({self._organization}))
        try:
            wish = request(units, organization_id=self._organization)
            if self._crowd.transaction:
                return reserve_in_one_transaction(self._services, self._database, wish)
            return create_reservation(self._services, who, wish).reservation
        except CapacityError:
            return None

    def _note(self, began: float, sent: int, reservation: Reservation | None) -> None:
        tally = self._tally
        tally.attempts += self._counting.claims_sent - sent
        if reservation is None:
            tally.given_up += 1
        else:
            tally.latencies.append(self._simulation.now - began)

    def _give_back(self, reservation: Reservation) -> None:
        """Release the domains, as the workflow does."""
        [run] = reservation.runs
        place = (reservation.region_id, reservation.flavor_id, run.placement.pod_id)
        self._releases.release(place, run.tag, (), b"")

    def _environment(self, world: World, hardware: tuple[Pod, ...], empty: InventoryStore) -> Services:
        inventory = WarmInventory(self._database, INVENTORY, world.clock)
        inventory.known = self._shared.ownership
        inventory.hardware_of = {p.id: p for p in hardware}
        inventory.start_from(empty)
        return replace(over(world, self._database, self._simulation, self._pause), inventory=inventory)


@dataclass
class _CountingClient:
    """Counts the claims sent, refused ones and conflicts included."""

    service: SimulatedService
    claims_sent: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        self.claims_sent += 1
        return self.service.transact_write_items(**request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        self.claims_sent += 1
        return self.service.update_item(**request)
