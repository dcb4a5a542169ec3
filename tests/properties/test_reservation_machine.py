"""Random sequences of requests, workflows, syncs and operations: nothing is sold twice.

A plain model says what must be owned; the auditor checks the tables; at the end everything settles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gpu_capacity.errors import CapacityError, Conflict, InsufficientCapacity, NotFound, QuotaExceeded
from gpu_capacity.inventory.model import HostState, Pod
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.provisioning import abandon_provisioning, provision_reservation
from gpu_capacity.reservations.read import UnitFilter, list_reservation_units
from gpu_capacity.reservations.record import Status
from testkit.auditor import audit, units_held
from testkit.dynamodb import throttled, timeout_after, timeout_before, transaction_conflict
from testkit.searching import examples
from testkit.world import GB300, ORGANIZATION, REGION, World, caller, pod, rack, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.runtime.services import Services

RACKS = {"pod1": 5, "pod2": 3}
NOWHERE: frozenset[str] = frozenset()
HOLDING = {Status.PENDING, Status.PROVISIONING, Status.PROVISIONED}

STEPS = {"provision": provision_reservation, "release": release_reservation}


def _conflict(operation: str, parameters: dict[str, Any]) -> None:
    """A conflict on the first item; as many reasons as there are actions, with a quota one more."""
    transaction_conflict(len(parameters["TransactItems"]), 0)(operation, parameters)


FAULTS = {
    "conflict": _conflict,
    "throttle": throttled(),
    "timeout before": timeout_before(),
}


def _puts(status: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a call puts a record of a status, alone or in a transaction."""

    def puts(parameters: dict[str, Any]) -> bool:
        actions = parameters.get("TransactItems", [{"Put": parameters}])
        return any(a.get("Put", {}).get("Item", {}).get("status") == {"S": status} for a in actions)

    return puts


WRITES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "record": _puts("claiming"),
    "own": lambda parameters: "UpdateExpression" in parameters,
    "settle": _puts("pending"),
}


@dataclass
class Expected:
    """The model's data about an accepted reservation."""

    count: int
    holds: bool = True
    gone: bool = False


class Reservations(RuleBasedStateMachine):
    """Two execution environments, one of them usually with an old snapshot."""

    made = Bundle("made")

    @initialize(quota=st.none() | st.integers(2, 8))
    def start(self, quota: int | None) -> None:
        self.world = World(
            pods=tuple(pod(name, racks, hosts=1) for name, racks in RACKS.items()), trusting=True
        )
        self.environments = [self.world.environment(), self.world.environment()]
        self.usable = {name: set(range(racks)) for name, racks in RACKS.items()}
        self.versions = dict.fromkeys(RACKS, 1)
        self.expected: dict[str, Expected] = {}
        self.limit = quota
        if quota is not None:
            self.world.set_quota(quota)

    @rule(
        target=made,
        count=st.integers(1, 4),
        who=st.integers(0, 1),
        key=st.none() | st.sampled_from(["a", "b"]),
        lost=st.none() | st.sampled_from(sorted(WRITES)),
    )
    def create(self, count: int, who: int, key: str | None, lost: str | None) -> object:
        """One of its three writes may time out."""
        held = self._held()
        fits = self._fits(count, held)
        hook = self.world.db.after("*", timeout_after(), only=WRITES[lost]) if lost else None
        try:
            observed = create_reservation(
                self.environments[who], caller(), request(count), idempotency_key=key
            )
        except InsufficientCapacity as refusal:
            assert not fits
            largest_run = refusal.reason.largest_run
            assert largest_run < count
            return multiple()
        except QuotaExceeded as refusal:
            assert self.limit is not None
            wanted = refusal.used + count
            assert wanted > self.limit
            return multiple()
        except Conflict:
            assert key is not None
            return multiple()
        finally:
            if hook is not None:
                hook.cancel()
        reservation = observed.reservation
        if reservation.id in self.expected:
            assert key is not None
            assert reservation.count == count
            return multiple()
        placement = reservation.runs[0].placement
        assert set(placement.positions) <= self.usable[placement.pod_id] - held[placement.pod_id]
        self.expected[reservation.id] = Expected(count)
        return reservation.id

    @rule(which=made, who=st.integers(0, 1))
    def delete(self, which: str, who: int) -> None:
        try:
            delete_reservation(self.environments[who], caller(), which, NOWHERE)
        except NotFound:
            assert self.expected[which].gone

    @rule(which=made, step=st.sampled_from(sorted(STEPS)), who=st.integers(0, 1))
    def step(self, which: str, step: str, who: int) -> None:
        self._learn(which, STEPS[step](self.environments[who], ORGANIZATION, which))

    @rule(which=made)
    def give_up(self, which: str) -> None:
        abandon_provisioning(self.world.services, (ORGANIZATION, which), "a host is unfit")

    @rule(
        which=made,
        fault=st.sampled_from(sorted(FAULTS)),
        operation=st.sampled_from(["transact_write_items", "update_item", "put_item"]),
    )
    def step_under_a_fault(self, which: str, fault: str, operation: str) -> None:
        if fault == "conflict" and operation != "transact_write_items":
            return
        hook = self.world.db.before(operation, FAULTS[fault])
        try:
            for step in STEPS.values():
                self._learn(which, step(self.world.services, ORGANIZATION, which))
        except CapacityError:
            pass
        hook.cancel()

    @rule(seconds=st.sampled_from([1, 30, 2000]))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(pod_id=st.sampled_from(sorted(RACKS)), broken=st.sets(st.integers(0, 4), max_size=3))
    def sync(self, pod_id: str, broken: set[int]) -> None:
        """Usability changes, ownership never does."""
        before = self.world.owners(pod_id)
        self.versions[pod_id] += 1
        self.world.load((_pod(pod_id, self.versions[pod_id], broken),))
        self.usable[pod_id] = set(range(RACKS[pod_id])) - broken
        assert self.world.owners(pod_id) == before

    @rule(limit=st.integers(0, 8))
    def limit_the_organization(self, limit: int) -> None:
        if self.limit is not None:
            self.limit = limit
            self.world.services.quotas.set_limit(ORGANIZATION, "GB300", limit)

    @rule(which=consumes(made))
    def take_through_its_end(self, which: str) -> None:
        self._settle(self.world.services, which)
        assert self.expected[which].gone

    @invariant()
    def tables_agree(self) -> None:
        assert audit(self.world.db, now=self.world.clock.now()) == []

    @invariant()
    def exactly_what_was_accepted_and_not_given_back_is_owned(self) -> None:
        assert units_held(self.world.db) == sum(e.count for e in self.expected.values() if e.holds)

    @invariant()
    def the_offer_is_what_is_usable_and_unowned(self) -> None:
        held = self._held()
        ((_, counts),) = list_reservation_units(self.world.services, caller(), UnitFilter())
        assert counts.total == sum(map(len, self.usable.values()))
        assert counts.available == sum(len(self.usable[name] - held[name]) for name in RACKS)
        assert counts.largest_run == max((n for n in range(6) if self._fits(n, held)), default=0)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for which, expected in self.expected.items():
            if not expected.gone:
                self._settle(self.world.services, which)
        assert units_held(self.world.db) == 0
        assert audit(self.world.db, now=self.world.clock.now()) == []
        assert list(self.world.services.reservations.unsettled(self.world.clock.now())) == []
        assert self.limit is None or self.world.quota_used() == 0

    def _settle(self, services: Services, which: str) -> None:
        try:
            delete_reservation(services, caller(), which, NOWHERE)
        except NotFound:
            return
        self._learn(which, release_reservation(services, ORGANIZATION, which))
        self.world.clock.advance(self.world.behaviour.delete_seconds)
        self._learn(which, release_reservation(services, ORGANIZATION, which))

    def _learn(self, which: str, answer: dict[str, object]) -> None:
        """A step that is done may have given capacity back: it failed the reservation, or removed it."""
        if answer["outcome"] == "done":
            record = self.world.services.reservations.get(ORGANIZATION, which)
            if record is None:
                self.expected[which] = replace(self.expected[which], holds=False, gone=True)
            elif record.status is Status.ERROR:
                self.expected[which].holds = False

    def _held(self) -> dict[str, set[int]]:
        return {name: set(self.world.owners(name, REGION, GB300.id)) for name in RACKS}

    def _fits(self, count: int, held: dict[str, set[int]]) -> bool:
        return any(
            all(start + offset in self.usable[name] - held[name] for offset in range(count))
            for name, racks in RACKS.items()
            for start in range(racks)
        )


def _pod(pod_id: str, version: int, broken: set[int]) -> Pod:
    domains = tuple(
        rack(pod_id, n, hosts=1, states={0: HostState.UNHEALTHY} if n in broken else None)
        for n in range(RACKS[pod_id])
    )
    return replace(pod(pod_id, 0, version=version), domains=domains)


TestReservations = Reservations.TestCase
TestReservations.settings = examples(60, stateful_step_count=30, suppress_health_check=list(HealthCheck))
