"""The service around its tables: environments that serve one call at a time, events, schedules."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.adapters.retrying_client import RetryingClient
from gpu_capacity.capacity_claims.fill_queues import fill_zones
from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import CapacityError
from gpu_capacity.inventory.fleet.sync import sync_inventory
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.runtime.settings import Environment as Variables
from gpu_capacity.runtime.wiring import (
    Edges,
    Outside,
    audit_of,
    fleet_sync_of,
    providers_of,
    services_of,
)
from gpu_capacity.upkeep.audit.findings import Kind as Finding
from gpu_capacity.upkeep.audit.run import audit_holders
from gpu_capacity.upkeep.reconcile import reconcile
from gpu_capacity.upkeep.watch.run import watch_providers
from gpu_capacity.vms.schedule import end_vm_terms, restart_vms, watch_vm_nodes
from proof.faults import CALM, FaultSource, Killed, Kind, Work
from proof.feed_rules import disagreements
from proof.fleet import Feed
from proof.host_provider import BROKEN_IMAGE, Provider
from proof.surroundings import Events, Executions, Silence, SkewedClock, Workflows
from proof.turns import Turns
from proof.vm_provider import VmProvider
from proof.wire import Wire
from testkit.doubles import CountingIds, FakeClock, NoLetters, RecordedAudits
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import INVENTORY, SERVERS, TABLES, create_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_capacity.inventory.fleet.sync import SyncReport
    from gpu_capacity.runtime.services import Services
    from gpu_capacity.upkeep.audit.run import AuditReport
    from proof.profiles import Profile
    from proof.turns import Actor

SKEW_SECONDS_MAX: Final = 20
MAINTENANCE_NOTICE_SECONDS: Final = 45
DELIVERIES_MAX: Final = 3
"""How often the platform tries an asynchronous invocation."""

API_SECONDS, TASK_SECONDS = 19.0, 59.0
"""How long an invocation may take."""

DELETE_SECONDS: Final = 3
PROVISIONING_SECONDS_MAX, TEARDOWN_SECONDS_MAX = 300, 300


class Environment:
    """An execution environment: its own clock, connections and caches."""

    def __init__(self, cloud: Cloud, number: int) -> None:
        skew_ms = 0
        if cloud.fault_source.chance(cloud.profile.skewed):
            skew_ms = cloud.draw.randrange(-SKEW_SECONDS_MAX, SKEW_SECONDS_MAX + 1) * 1000
        if skew_ms:
            cloud.fault_source.count(Kind.SKEWED)
        wire = Wire(cloud.db, cloud.turns, cloud.fault_source, cloud.note)
        self.deadline = Deadline(lambda: cloud.clock.now_ms() / 1000)
        is_patient = cloud.fault_source.chance(cloud.profile.patient)
        self.edges = Edges(
            dynamodb=RetryingClient(wire, self.deadline, cloud.pause) if is_patient else wire,
            clock=SkewedClock(cloud.clock, skew_ms),
            ids=CountingIds(f"{cloud.seed}-{number}"),
            pause=cloud.pause,
            telemetry=Silence(),
            deadline=self.deadline,
        )
        # The region has the true time, even if the clocks of the functions are wrong.
        region, vms = providers_of(cloud.settings, replace(self.edges, clock=cloud.clock))
        self.events = Events(cloud)
        outside = Outside(
            workflows=Workflows(cloud),
            events=self.events,
            audits=RecordedAudits(),
            letters=NoLetters(),
            provider=Provider(region, cloud),
            vm_provider=VmProvider(vms, cloud),
        )
        self.services = services_of(cloud.settings, self.edges, outside)


_EMPTY: Final = MemoryDynamoDB(trusting=True)
create_tables(_EMPTY)


def _settings(profile: Profile) -> Variables:
    """The variables of the functions, as the template would set them."""
    numbers = {
        "SIMULATED_READY_SECONDS": profile.ready_seconds,
        "SIMULATED_DELETE_SECONDS": DELETE_SECONDS,
        "SIMULATED_BOOT_SECONDS": profile.ready_seconds,
        "SIMULATED_REBUILD_SECONDS": profile.ready_seconds,
        "PROVISIONING_SECONDS_MAX": PROVISIONING_SECONDS_MAX,
        "TEARDOWN_SECONDS_MAX": TEARDOWN_SECONDS_MAX,
        "RECONCILE_GRACE_SECONDS": profile.grace_seconds,
        "MAINTENANCE_NOTICE_SECONDS": MAINTENANCE_NOTICE_SECONDS,
        "VM_NOTICE_SECONDS": profile.notice_seconds,
        "VM_START_SECONDS_MAX": profile.start_seconds_max,
    }
    images = {"SIMULATED_BOOT_FAILING_IMAGES": BROKEN_IMAGE}
    return Variables(TABLES | images | {name: str(number) for name, number in numbers.items()})


class Cloud:
    """The platform of one run.

    Args:
        seed: where all draws come from.
        profile: what kind of run it is. There are no faults until ``fault_source.share`` is set.
        still: executions that are started do not run, events do not arrive, and pauses take no time.
        db: tables to begin with a copy of; empty ones without.
    """

    def __init__(
        self, seed: int, profile: Profile, *, still: bool = False, db: MemoryDynamoDB = _EMPTY
    ) -> None:
        self.seed = seed
        self.draw = random.Random(seed)
        self.clock = FakeClock()
        self.db = db.copy(self.clock.now)
        self.fault_source = FaultSource(self.draw, 0.0)
        self.turns = Turns(self._choose, self.clock.now_ms, self.clock.advance_ms)
        self.profile = profile
        self.settings = _settings(profile)
        self._still = still
        self.notes: list[tuple[int, str, str, str, str]] = []
        self.ticks = 0
        # By host id, or by the owner of a VM's server: what trouble it is in, and until when (seconds).
        self.troubles: dict[str, tuple[str, int]] = {}
        # Takes what is wrong with what the functions did; a run sets it.
        self.tell: Callable[[str], None] = lambda _problem: None
        # By owner and host: holds that there were. A host that is held stays so.
        self.held: set[tuple[str, str]] = set()
        # By owner and host: the generation of the image that was requested last of the provider.
        self.boots: dict[tuple[str, str], int] = {}
        # If it is set, the provider gets each request about hosts again, so much later.
        self.repeats_ms = 0
        # By the owner of a VM's server: the host it was started on.
        self.vm_hosts: dict[str, str] = {}
        self.executions = Executions(self, still=still)
        # Of the calls, how many meet an environment that has served one before.
        self.warm = 0.8
        self._free: dict[str, list[Environment]] = {}
        self._environments = 0
        self._events_sent = 0
        self._events_under_way: list[int] = []

    def tick(self) -> int:
        """The next number of the run's own count; it orders what is observed."""
        self.ticks += 1
        return self.ticks

    def note(self, operation: str, target: str, fault: str) -> None:
        """Record something; a run is what it has noted."""
        actor = self.turns.current
        self.notes.append((self.clock.now_ms(), actor.name if actor else "", operation, target, fault))

    def pause(self, attempt: int) -> None:
        """See ``Pause``: up to 10 ms, then 20, 40 and so on to 320."""
        if not self._still:
            self.turns.sleep(self.draw.randrange(1, 11 << min(attempt, 5)))

    # Functions.

    def invoke(self, group: str, work: Work, run: Callable[[Environment], Any]) -> Any:
        """Run a function in an environment that serves no other call at the same time.

        Raises:
            Killed: the environment is gone.
        """
        actor = self.turns.current
        before = actor.operation if actor else None
        if actor:
            actor.operation = work
        work.began_ms = work.began_ms or self.clock.now_ms()
        environment = self._lease(group)
        environment.deadline.arm(API_SECONDS if group == "api" else TASK_SECONDS)
        try:
            answer = run(environment)
        except CapacityError:
            self._free[group].append(environment)
            raise
        finally:
            if actor:
                actor.operation = before
        self._free[group].append(environment)
        if not work.faulted and (asleep := work.left_asleep()):
            self.tell(f"{work.name} freed or added capacity in {asleep} and woke no waiting claim")
        return answer

    def repeat_late(self, name: str, run: Callable[[], object], work: Work) -> None:
        """Deliver the same call again, now or much later; the first caller does not wait for it."""
        late = self.draw.random() < 0.5
        self.fault_source.count(Kind.LATE if late else Kind.DUPLICATE, work)
        after_ms = self.draw.randrange(20_000, 120_000) if late else self.draw.randrange(500)
        self.turns.spawn(f"{name} again", lambda: self.endure(run), after_ms)

    def endure(self, run: Callable[[], object]) -> bool:
        """Run it and catch every fault; true if there was none."""
        try:
            run()
        except (CapacityError, Killed):
            return False
        return True

    # Events and schedules.

    def freed(self, zone: str) -> None:
        """Send the event that wakes the claims waiting in a zone; events may arrive late and out of order."""
        if self._still:
            return
        if self.fault_source.chance(self.fault_source.share):
            self.fault_source.count(Kind.LOST, self._work())
            return
        times = 1
        if self.fault_source.chance(self.fault_source.share):
            self.fault_source.count(Kind.DUPLICATE, self._work())
            times = 2
        for _ in range(times):
            after_ms = self.draw.randrange(50, 2_000)
            if self.fault_source.chance(self.fault_source.share):
                self.fault_source.count(Kind.LATE, self._work())
                after_ms = self.draw.randrange(30_000, 200_000)
            self._events_sent += 1
            number = self._events_sent
            self._events_under_way.append(number)
            self.turns.spawn(f"event {number}", partial(self._deliver, number, zone), after_ms)

    def _deliver(self, number: int, zone: str) -> None:
        if self._events_under_way[0] != number and not self._is_calm:
            self.fault_source.count(Kind.REORDERED)
        self._events_under_way.remove(number)
        for _ in range(DELIVERIES_MAX):
            if self.endure(lambda: self.fill([zone])):
                return
            self.turns.sleep(self.draw.randrange(1_000, 60_000))

    def fill(self, zones: list[str] | None = None) -> None:
        """The filler, for an event or by schedule."""
        self.invoke("fill", Work("fill_capacity_claims"), lambda e: fill_zones(e.services, zones))

    def reconcile(self) -> int:
        """The reconcile by schedule; how many holders it found unsettled."""
        report = self.invoke("reconcile", Work("reconcile_holders"), lambda e: reconcile(e.services))
        return int(report.unsettled)

    def watch(self) -> int:
        """The watch of providers by schedule; how many holders were amiss."""
        report = self.invoke("watch", Work("watch_providers"), lambda e: watch_providers(e.services))
        return int(report.amiss)

    def lose_server(self, owner: str, host_id: str) -> None:
        """The provider forgets the server of a placement on a host."""
        self.fault_source.count(Kind.VANISHED)
        self.db.delete_item(TableName=SERVERS, Key=_key(f"PLACEMENT#{owner}", f"SERVER#{host_id}"))
        self.db.update_item(
            TableName=SERVERS,
            Key=_key(f"HOST#{host_id}", "HOST"),
            UpdateExpression="REMOVE #server",
            ExpressionAttributeNames={"#server": "server"},
        )

    def lose_hold(self, holder_id: str, host_id: str) -> None:
        """The provider forgets that it holds a host."""
        self.fault_source.count(Kind.VANISHED)
        self.db.delete_item(TableName=SERVERS, Key=_key(f"HOLDER#{holder_id}", f"HOST#{host_id}"))
        self.db.delete_item(TableName=SERVERS, Key=_key(f"HOST#{host_id}", "HOST"))

    def restart_vms(self) -> int:
        """The restarts by schedule; how many."""
        return self._scheduled("restart_vms", restart_vms)

    def end_vm_terms(self) -> int:
        """The ends of terms by schedule; how many."""
        return self._scheduled("end_vm_terms", end_vm_terms)

    def watch_vm_nodes(self) -> int:
        """The check of nodes by schedule; how many VMs it affected."""
        return self._scheduled("watch_vm_nodes", watch_vm_nodes)

    def _scheduled(self, name: str, run: Callable[[Services], int]) -> int:
        return int(self.invoke("vm schedule", Work(name), lambda e: run(e.services)))

    def synchronize(self, document: bytes) -> str:
        """The sync by schedule; why the document was refused, empty if it was not."""
        report: SyncReport = self.invoke(
            "sync",
            Work("sync_inventory"),
            lambda e: sync_inventory(fleet_sync_of(self.settings, e.edges, Feed(document), e.events)),
        )
        if report.refused is not None:
            return str(report.refused.value)
        published = json.loads(document)
        if not report.superseded and not report.parts_deferred and self.accepted == published["sequence"]:
            deferred = {(region.region_id, pod) for region in report.regions for pod in region.deferred}
            for problem in disagreements(self.db, published, deferred):
                self.tell(f"the sync applied {published['sequence']}, but {problem}")
        return ""

    def audit(self) -> list[str]:
        """The audit by schedule; what it reports."""
        # Faults may end while it is under way.
        was_calm = self._is_calm
        report: AuditReport = self.invoke(
            "audit",
            Work("audit_holders"),
            lambda e: audit_holders(
                audit_of(self.settings, e.edges, (e.services.provider, e.services.vm_provider))
            ),
        )
        return [
            f"{one.finding.kind}: {one.finding.subject}: {one.finding.message}"
            for one in report.reported
            if was_calm or one.finding.kind is not Finding.PROVIDER_SILENT
        ]

    @property
    def accepted(self) -> int:
        """The sequence of the fleet document that is in use."""
        item = self.db.table(INVENTORY).get(("FEED", "FEED"))
        return int(item["sequence"]["N"]) if item else 0

    def limit(self, organization: str, subject: str, limit: int) -> None:
        """An operator sets a quota."""

        def run(environment: Environment) -> None:
            services = environment.services
            book = QuotaSetter.of(services, "operator")
            book.set(organization, subject, limit)

        self.invoke("operator", Work("set_quota"), run)

    def in_trouble(self, name: str) -> bool:
        """Whether a host, a boot of a server or the server of a VM does not come up or has failed."""
        trouble, until = self.troubles.get(name, ("", 0))
        return trouble in ("hangs", "fails") and self.clock.now() < until

    def heal(self) -> None:
        """End all faults, and free the servers that were stuck."""
        self.fault_source.clear()
        self.troubles.clear()

    @property
    def _is_calm(self) -> bool:
        return self.fault_source.share == 0

    def _work(self) -> Work | None:
        actor = self.turns.current
        work: Work | None = actor.operation if actor else None
        return None if work is not None and work.client == CALM else work

    def environment(self) -> Environment:
        """A cold environment."""
        self._environments += 1
        return Environment(self, self._environments)

    def _lease(self, group: str) -> Environment:
        free = self._free.setdefault(group, [])
        if free and self.draw.random() < self.warm:
            return free.pop(self.draw.randrange(len(free)))
        return self.environment()

    def _choose(self, ready: Sequence[Actor]) -> int:
        """Choose the actor that ran last with the probability ``stickiness``; otherwise any actor."""
        if len(ready) == 1 or self.draw.random() < self.profile.stickiness:
            return len(ready) - 1
        return self.draw.randrange(len(ready))


def _key(partition: str, sort_key: str) -> dict[str, Any]:
    """The key of an item of the simulated provider."""
    return {"pk": {"S": partition}, "sk": {"S": sort_key}}
