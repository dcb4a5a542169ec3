"""A service in memory whose workflows run: real definitions, steps and stores, and a fake clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.tombstones import is_tombstone
from gpu_capacity.errors import CapacityError
from gpu_capacity.ports import WorkflowState
from gpu_capacity.providers.host_keys import HOST_PREFIX
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.items import decode_reservation
from gpu_capacity.reservations.record import Reservation, Status
from gpu_capacity.reservations.release_units import release_units
from gpu_capacity.upkeep.reconcile import reconcile
from testkit.auditor import audit, units_held
from testkit.doubles import RecordedWorkflows
from testkit.items import owned_whole
from testkit.reservations import unit_release
from testkit.state_machine import Execution, TaskError
from testkit.workflow.definitions import definition, run_step
from testkit.workflow.faults import Disturbed
from testkit.world import (
    GB300,
    HOLDERS,
    INVENTORY,
    ORGANIZATION,
    REGION,
    SERVERS,
    World,
    caller,
    pod,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gpu_capacity.providers.port import HostProvider
    from gpu_capacity.upkeep.reconcile import ReconcileReport
    from testkit.provider import StubbornRegion

    Arrange: TypeAlias = Callable[[Sequence[int]], Iterable[int]]

QUOTA_UNITS = 8
SCHEDULE_SECONDS = 60
SETTLE_ROUNDS_MAX = 120
"""Two hours of the schedule: longer than the longest backoff of reconcile."""


class RunningWorkflows(RecordedWorkflows):
    """Executions that a stage runs; the base class only records them."""

    def __init__(self, create: Callable[[str, str, dict[str, object]], Execution]) -> None:
        super().__init__()
        self.running: dict[str, Execution] = {}
        self._create = create

    def start(self, machine: str, name: str, payload: dict[str, object]) -> bool:
        """Start an execution. As in Step Functions, starting a running one again is no error."""
        if super().start(machine, name, payload):
            self.running[name] = self._create(machine, name, payload)
            return True
        return self.running[name].runs

    def state(self, machine: str, name: str) -> WorkflowState:
        if super().state(machine, name) is WorkflowState.ABSENT:
            return WorkflowState.ABSENT
        return WorkflowState.RUNNING if self.running[name].runs else WorkflowState.ENDED

    def stop(self, machine: str, name: str, cause: str) -> None:
        super().stop(machine, name, cause)
        if name in self.running:
            self.running[name].stop()


class Stage(Disturbed):
    """The service, its executions, and faults in its steps.

    Args:
        world: by default one pod of four racks of two hosts, with a quota.
        provider: makes the host provider of a world; by default the world's own.
        arrange: the order in which maps work on their items.
        quota: whether the organization has a limit from the start.
    """

    def __init__(
        self,
        world: World | None = None,
        provider: Callable[[World], StubbornRegion] | None = None,
        arrange: Arrange = iter,
        *,
        quota: bool = True,
    ) -> None:
        super().__init__()
        self.world = world or World(pods=(pod("pod1", 4),), trusting=True)
        self.clock = self.world.clock
        self.workflows = RunningWorkflows(self._execution)
        self.world.workflows = self.workflows
        self.stubborn = provider(self.world) if provider else None
        self.services = self.world.environment()
        if self.stubborn is not None:
            self.services = replace(self.services, provider=self.stubborn)
        # The latest by id: an idempotency key may have had several lives.
        self.made: dict[str, Reservation] = {}
        self._holders: dict[str, str] = {}
        """By the name at the provider the id of the reservation."""
        self.arrange = arrange
        if quota:
            self.world.set_quota(QUOTA_UNITS)

    # Operations of customers and schedules.

    @property
    def provider(self) -> HostProvider:
        return self.services.provider

    def reserve(self, count: int = 2, *, key: str | None = None) -> str:
        """Reserve; the execution stops before its first step."""
        observed = create_reservation(self.services, caller(), request(count), idempotency_key=key)
        self.made[observed.reservation.id] = observed.reservation
        self._holders[observed.reservation.server_owner] = observed.reservation.id
        return observed.reservation.id

    def delete(self, reservation_id: str) -> None:
        delete_reservation(self.services, caller(), reservation_id, frozenset())

    def release(self, reservation_id: str, *numbers: int) -> None:
        """Release units by their numbers, with the present entity tag."""
        reservation = self.record(reservation_id)
        assert reservation is not None
        request = unit_release(self.services, reservation, *numbers)
        release_units(self.services, caller(), reservation_id, frozenset(), lambda: request)

    def reconcile(self, *, after_seconds: int = 0) -> ReconcileReport:
        self.clock.advance(after_seconds)
        return reconcile(self.services)

    def lift_quarantines(self) -> list[str]:
        """Lift every quarantine, as an operator does; return the hosts."""
        return self.world.lift_quarantines()

    # Running.

    def execution(self, machine: str, reservation_id: str, attempt: int = 0) -> Execution:
        """Return the execution of that attempt, of the latest life."""
        made = self.made[reservation_id]
        return self.workflows.running[f"{machine}-{reservation_id}-{made.created_at}-{attempt}"]

    def running(self) -> list[Execution]:
        return [execution for execution in self.workflows.running.values() if execution.runs]

    def advance(self, *, newest_first: bool = False) -> bool:
        """Advance one running execution to its next point; false if none runs."""
        running = self.running()
        if not running:
            return False
        running[-1 if newest_first else 0].advance()
        return True

    def run_all(self, *, newest_first: bool = False) -> None:
        """Run every execution to its end, one after the other."""
        while self.advance(newest_first=newest_first):
            pass

    def run_in_turns(self) -> None:
        """Run every execution to its end, one point each in turn."""
        while running := self.running():
            for execution in running:
                execution.advance()

    def settle(self, reservation_id: str) -> int:
        """Run, with the schedule that restarts failed executions; return the number of restarts."""
        restarted = 0
        self.run_all()
        for _ in range(SETTLE_ROUNDS_MAX):
            if (found := self.record(reservation_id)) is None or found.workflow is None:
                return restarted
            restarted += self.reconcile(after_seconds=SCHEDULE_SECONDS).restarted
            self.run_all()
        raise AssertionError(f"not settled: {self.record(reservation_id)}")

    def _execution(self, machine: str, name: str, payload: dict[str, object]) -> Execution:
        execution = Execution(
            definition(machine), payload, self.invoke, self.clock, self.clock.advance, self.arrange, name
        )
        execution.advance()
        return execution

    # Faults.

    def invoke(self, function: str, payload: dict[str, Any]) -> Any:
        """Run the step of a task, with its planned faults."""
        self.check_safety()

        def run() -> Any:
            return run_step(function, self.services, payload)

        try:
            return self.call(payload, run)
        except CapacityError as error:
            raise TaskError(type(error).__name__, str(error)) from error
        finally:
            self.check_safety()

    # Checks.

    def record(self, reservation_id: str) -> Reservation | None:
        return self.services.reservations.get(ORGANIZATION, reservation_id)

    def status(self, reservation_id: str) -> Status | None:
        found = self.record(reservation_id)
        return None if found is None else found.status

    def live_servers(self) -> set[tuple[str, str]]:
        """Return (server owner, host id) of every server, read from the provider's table."""
        if self.stubborn is not None:
            return self.stubborn.live()
        servers = set()
        for item in map(decode, self.world.db.table(SERVERS).items()):
            holder = item["pk"].removeprefix(server_keys.HOSTS.holds_partition(""))
            if holder != item["pk"] and item["sk"].startswith(HOST_PREFIX):
                gone = "gone_at" in item and self.clock.now() >= item["gone_at"]
                if not gone:
                    servers.add((holder, item["sk"].removeprefix(HOST_PREFIX)))
        return servers

    def owners(self, pod_id: str) -> dict[int, bytes]:
        """Return the owned positions of a pod, read without the client's faults."""
        key = keys.owners(REGION, GB300.id, pod_id)
        item = self.world.db.table(INVENTORY).get((key["pk"]["S"], key["sk"]["S"])) or {}
        return owned_whole(item)

    def take_over(self, pod_id: str, position: int, owner: bytes) -> None:
        """Overwrite an owner with another tag, which no code of the product does."""
        self.world.db.update_item(
            TableName=INVENTORY,
            Key=keys.owners(REGION, GB300.id, pod_id),
            UpdateExpression=f"SET {keys.domain_attribute(position)} = :tag",
            ExpressionAttributeValues={":tag": {"B": owner}},
        )

    def check_safety(self) -> None:
        """Check what holds at any time: a server is only on hardware that its reservation owns."""
        owners = {pod_id: self.owners(pod_id) for pod_id in {p.id for p in self.world.pods}}
        for owner, host_id in self.live_servers():
            if self._holder(owner):
                pod_id, position = self._hosts()[host_id]
                assert owners[pod_id].get(position) in self._tags(owner), f"{host_id} is not {owner}'s"

    def check_settled(self) -> None:
        """Check the end state: servers, domains and quota agree with records, and nothing else is left."""
        records = [r for made in self.made if (r := self.record(made)) is not None]
        assert {r.status for r in records} <= {Status.PROVISIONED, Status.ERROR}
        assert audit(self.world.db) == []
        servers = {
            (r.hold_owner, host_id)
            for r in records
            for host_id, (pod_id, position) in self._hosts().items()
            if pod_id == r.pod_id and position in r.positions
        }
        assert {server for server in self.live_servers() if self._holder(server[0])} == servers
        assert self.world.quota_used() == units_held(self.world.db)
        assert self.running() == []

    def _holder(self, owner: str) -> str:
        """Return the id of the reservation that the provider knows by a name; empty if there is none."""
        return self._holders.get(owner.partition(".")[0], "")

    def _tags(self, owner: str) -> set[bytes]:
        """The tags by which a holder owns, or did so until it has given back, read past the client."""
        key = keys.reservation(ORGANIZATION, self._holder(owner))
        item = self.world.db.table(HOLDERS).get((key["pk"]["S"], key["sk"]["S"]))
        if item is None or is_tombstone(found := decode(item)):
            return set()
        record = decode_reservation(found)
        named = (record.named,) if record.named else ()
        runs = (*record.runs, *record.leaving, *named) if owner in record.hold_owners else ()
        return {run.tag for run in runs}

    def _hosts(self) -> dict[str, tuple[str, int]]:
        return {
            host.id: (p.id, domain.position)
            for p in self.world.pods
            for domain in p.domains
            for host in domain.hosts
        }
