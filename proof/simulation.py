"""Runs one seed: operations with faults, then the end of faults, then the end of every holder.

create the tables → clients, schedules and hardware, with faults → end faults and settle → list everything
→ delete everything → settle → check that nothing is left
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from proof.audits import findings
from proof.before_faults import place_before, rent_before
from proof.claims import Claims
from proof.cloud import SKEW_SECONDS_MAX, Cloud
from proof.faults import CALM, Kind
from proof.fleet import REGIONS, Fleet
from proof.ledger import Ledger
from proof.lost_records import after_losses
from proof.maintenances import Maintenances
from proof.outcome import outcome_of
from proof.placement_servers import lose_a_server
from proof.placements import Placements
from proof.profiles import draw_profile
from proof.reservations import Reservations
from proof.tenants import ORGANIZATIONS, SUBJECTS, Book, Office, Tenant
from proof.time_rules import Terms
from proof.unreadable import plant
from proof.visible import judge
from proof.vms import Vms
from proof.worlds import new_world
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults import Work
    from proof.outcome import Outcome
    from proof.profiles import Profile
    from proof.tenants import Api

SETTLE_ROUNDS_MAX: Final = 14
"""Rounds of reconcile and filler. Reconcile waits 2^n minutes after n failures, 32 at most."""
TIMES_MAX: Final = 8
"""How often a schedule runs while faults may happen."""

PATIENCE_MS, PATIENCE_ROUNDS_MAX = 200_000, 100
"""How long actors may run before reconcile runs again, and how often it does."""

UNREADABLE_SHARE, AUDITED_SHARE, DAY_LATER_SHARE, LOST_SHARE = 0.25, 0.3, 0.15, 0.3
"""Shares of runs with an unreadable record, an audit under way, a check of keys a day later, lost records."""

UNSETTLED: Final = frozenset({"claiming", "pending", "provisioning", "deprovisioning", "STATUS_DELETING"})


class Simulation:
    """A run of one seed."""

    def __init__(self, seed: int, profile: Profile | None = None) -> None:
        self.draw = random.Random(f"simulation-{seed}")
        self.violations: list[str] = []
        self._is_readable = True
        self.profile = profile or draw_profile(self.draw)
        self.fleet = Fleet(self.profile.shape, self.profile.nodes)
        world = new_world(self.profile.shape, self.profile.nodes)
        self.fleet.sequence = world.sequence
        self.cloud = Cloud(seed, self.profile, db=world.db)
        self.cloud.tell = self.tell
        self.ledger = Ledger(
            self.cloud.tick,
            self.cloud.clock.now_ms,
            self._work,
            self.tell,
            self.cloud.in_trouble,
            Terms(self.profile.notice_seconds, 2 * SKEW_SECONDS_MAX if self.profile.skewed else 0),
        )
        self.ledger.adopt(self.cloud.db.dump())
        self.maintenances = Maintenances(self.cloud, self.ledger)
        self.cloud.db.watch(self.maintenances.follow)
        self.office = Office(self.cloud, self.ledger, self.tell)
        self.apis: tuple[Api, ...] = (
            Reservations(),
            Claims(),
            Placements(),
            *([Vms(self.profile.nodes)] if self.profile.nodes else []),
        )
        self.books = {organization: Book(organization) for organization in ORGANIZATIONS}

    def run(self) -> None:
        """Run from empty tables until nothing is left."""
        self._begin()
        self.chaos()
        self.cloud.heal()
        self.fleet.repair()
        self.maintenances.end(self.go_on)
        self._settle()
        self._look()
        self._check("after everything settled")
        self._lose_records()
        self._end()
        self._settle()
        self._check("at the end")
        self._clean_slate()
        for problem in judge(self.ledger, self.office.works):
            self.tell(problem)
        self._a_day_later()

    def tell(self, problem: str) -> None:
        """Note a violation, and stop the run."""
        self.violations.append(problem)
        self.cloud.turns.stop()

    # The parts of a run.

    def _begin(self) -> None:
        if self.profile.limits:
            self.cloud.limit(ORGANIZATION, "GB300", self.draw.randrange(2, 9))
            self.cloud.limit(ORGANIZATION, "instances", self.draw.randrange(2, 13))
            self.cloud.limit(ORGANIZATION, "placement_servers", self.draw.randrange(2, 9))
        if self.profile.clients and self.profile.nodes and self.draw.random() < 0.6:
            rent_before(self.cloud, self.draw, self._as_each_organization)
        if self.profile.clients and self.draw.random() < 0.6:
            place_before(self.draw, self._as_each_organization)
        self.cloud.fault_source.share = self.profile.share

    def chaos(self) -> None:
        """Run clients, schedules and changes of hardware, with faults."""
        turns, profile = self.cloud.turns, self.profile
        for number in range(profile.clients):
            book = self.books[ORGANIZATIONS[number % 3 % 2]]
            draw, subject = random.Random(self.draw.random()), SUBJECTS[number // 2 % 2]
            who = Tenant(f"client {number}", self.office, book, draw, subject)
            turns.spawn(who.name, partial(self._live, who), self.draw.choice(profile.thinking_ms))
        for name, run, every_ms in zip(
            ("reconcile", "fill", "sync"),
            (self.cloud.reconcile, self.cloud.fill, self._synchronize),
            profile.every_ms,
            strict=True,
        ):
            self._schedule(name, run, every_ms)
        if profile.nodes:
            for run, every_ms in zip(self._vm_schedules(), profile.vms_every_ms, strict=True):
                self._schedule("vms", run, every_ms)
        self._schedule("watch", self.cloud.watch, profile.every_ms[0])
        turns.spawn("loss", partial(lose_a_server, self.cloud, self.ledger), profile.chaos_ms // 3)
        if self.draw.random() < 0.3:
            turns.spawn("operator", self._change_limit, self.draw.randrange(profile.chaos_ms // 2))
        if not profile.limits:
            # First limits, early, so that functions may have read before that there were none.
            turns.spawn("operator", self._first_limits, self.draw.randrange(profile.chaos_ms // 10))
        if self.cloud.fault_source.chance(UNREADABLE_SHARE):
            turns.spawn("editor", self._edit_by_hand, self.draw.randrange(profile.chaos_ms // 2))
        elif self.draw.random() < AUDITED_SHARE:
            turns.spawn(
                "audit", partial(self.cloud.endure, self._audit), self.draw.randrange(profile.chaos_ms)
            )
        self.maintenances.begin()
        turns.run(self.cloud.clock.now_ms() + profile.chaos_ms)

    def _live(self, who: Tenant) -> None:
        focus, used = self.profile.focus, self.apis
        if focus >= 0.5:
            used = (self.apis[int((2 * focus - 1) * len(self.apis))],)
        for _ in range(self.draw.randrange(2, self.profile.operations)):
            self.draw.choice(used).act(who)
            self.cloud.turns.sleep(self.draw.choice(self.profile.thinking_ms))
        if self.draw.random() < 0.5:
            # Half of them tidy up.
            for holder in [h for h in who.book.known if h not in self.ledger.asked_to_end]:
                next(api for api in self.apis if holder[1].startswith(api.kind)).end(who, holder)

    def _schedule(self, name: str, run: Any, every_ms: int) -> None:
        """Invocations by schedule: some late, some killed, and some at the same time."""
        # Most clients end early, so frequent schedules run early.
        until_ms = min(self.profile.chaos_ms, TIMES_MAX * every_ms)
        for after_ms in range(self.draw.randrange(every_ms), until_ms, every_ms):
            self.cloud.turns.spawn(
                name, partial(self.cloud.endure, run), after_ms + self.draw.randrange(3_000)
            )

    def _vm_schedules(self) -> tuple[Callable[[], int], ...]:
        return self.cloud.restart_vms, self.cloud.end_vm_terms, self.cloud.watch_vm_nodes

    def _look_after_vms(self) -> None:
        for run in reversed(self._vm_schedules()):
            run()

    def _synchronize(self) -> None:
        for _ in range(self.draw.randrange(1, self.profile.changes + 1)):
            self.fleet.change(self.draw)
        if self.cloud.fault_source.chance(0.3):
            self.cloud.fault_source.count(Kind.POISON)
            if not self.cloud.synchronize(self.fleet.poison(self.draw, self.cloud.accepted)):
                self.tell("a poisonous document was applied")
        if self.fleet.sequence % 5 == 0:
            self.cloud.synchronize(self.fleet.publish_half(self.draw))
        self.cloud.synchronize(self.fleet.publish())

    def _first_limits(self) -> None:
        for organization in ORGANIZATIONS:
            self._limit(organization, "GB300", self.draw.randrange(2, 6))

    def _limit(self, organization: str, subject: str, limit: int) -> None:
        began_ms = self.cloud.clock.now_ms()
        if self.cloud.endure(lambda: self.cloud.limit(organization, subject, limit)):
            self.ledger.quotas.judge_command((f"ORG#{organization}", f"QUOTA#{subject}"), began_ms)

    def _edit_by_hand(self) -> None:
        self._is_readable = False
        self.cloud.fault_source.count(Kind.UNREADABLE)
        organization, region = self.draw.choice(ORGANIZATIONS), self.draw.choice(REGIONS)
        plant(self.cloud.db, self.draw, organization, region, self.cloud.clock.now())

    def _audit(self) -> None:
        """The product's own audit finds nothing in correct tables, even while other operations run."""
        for finding in self.cloud.audit():
            self.tell(f"the audit reports {finding}")

    def _lose_records(self) -> None:
        """Lose records in a copy of the tables and let an audit repair it; this run is not changed."""
        draw = random.Random(f"lost-{self.cloud.seed}")
        if self._is_readable and draw.random() < LOST_SHARE:
            for problem in after_losses(self.cloud, draw):
                self.tell(f"after records were lost, {problem}")

    def _change_limit(self) -> None:
        subject = self.draw.choice(("GB300", "instances", "vms", "vm_gpus", "placement_servers"))
        self._limit(self.draw.choice(ORGANIZATIONS), subject, self.draw.randrange(1, 12))

    def _settle(self) -> None:
        """Run the schedules until no holder is unsettled."""
        cloud = self.cloud
        cloud.turns.spawn("sync", partial(cloud.synchronize, self.fleet.publish()))
        for number in range(SETTLE_ROUNDS_MAX):
            self.go_on()
            left = self._unsettled()
            if number and not left:
                return
            cloud.clock.advance(60 << min(number, 5))
            cloud.turns.spawn("fill", cloud.fill)
            if self.ledger.vms.lives:
                cloud.turns.spawn("vms", self._look_after_vms)
            if left:
                cloud.turns.spawn("reconcile", cloud.reconcile)
            cloud.turns.spawn("watch", cloud.watch)
        self.go_on()
        if left := self._unsettled():
            self.tell(f"never settled: {left}")

    def go_on(self) -> None:
        """Run all actors to their ends.

        Raises:
            Violated: there was a violation.
        """
        turns, clock = self.cloud.turns, self.cloud.clock
        for _ in range(PATIENCE_ROUNDS_MAX):
            until_ms = clock.now_ms() + PATIENCE_MS
            turns.run(until_ms)
            if turns.idle or turns.defects or self.violations:
                break
            clock.advance_ms(max(0, until_ms - clock.now_ms()))
            # An execution may wait for another one that was never started: reconcile starts it.
            turns.spawn("reconcile", partial(self.cloud.endure, self.cloud.reconcile))
        else:
            self.tell("executions never end")
        if self.cloud.turns.defects and not self.violations:
            self.violations += self.cloud.turns.defects
        if self.violations:
            raise Violated

    def _unsettled(self) -> list[str]:
        return [
            f"{key} {record.status}"
            for key, record in sorted(self.ledger.records.items())
            if record.unsettled or record.status in UNSETTLED
        ]

    def _look(self) -> None:
        """List everything as each organization, and find every acknowledged holder."""

        def look(who: Tenant) -> None:
            there = {holder for api in self.apis for holder in api.look(who)}
            for holder in who.book.known:
                if holder not in there and holder not in self.ledger.asked_to_end:
                    self.tell(f"{holder} was acknowledged and is not found")
            who.book.known |= dict.fromkeys(sorted(there))

        self._as_each_organization(look)

    def _end(self) -> None:
        def end(who: Tenant) -> None:
            for api in self.apis:
                for holder in api.look(who):
                    api.end(who, holder)

        self._as_each_organization(end)

    def _as_each_organization(self, run: Any) -> None:
        for organization, book in sorted(self.books.items()):
            who = Tenant(CALM, self.office, book, self.draw)
            self.cloud.turns.spawn(f"look {organization[:4]}", partial(run, who))
        self.go_on()

    # Invariants when no operation is running.

    def _check(self, when: str) -> None:
        for finding in findings(self.cloud.db, self.cloud.clock.now(), at_rest=True):
            self.tell(f"{when}: {finding}")
        if running := self.cloud.executions.running():
            self.tell(f"{when}: {running} executions run")
        if self._is_readable:
            self._audit()
        if self.violations:
            raise Violated

    def _clean_slate(self) -> None:
        if owned := self.ledger.owned():
            self.tell(f"at the end {owned} is owned")
        if servers := self.ledger.living_servers():
            self.tell(f"at the end there are servers {servers}")
        alive = [key for key, record in self.ledger.records.items() if not record.ended]
        if left := [*alive, *self.maintenances.rules.leftovers()]:
            self.tell(f"at the end there are {left}")

    def _a_day_later(self) -> None:
        """After a day every idempotency key may be used again."""
        used = [(book, *pair) for _, book in sorted(self.books.items()) for pair in book.keys]
        if not used or self.violations or self.draw.random() >= DAY_LATER_SHARE:
            return
        self.cloud.clock.advance(86_400 + 2 * SKEW_SECONDS_MAX)
        self.ledger.forget_the_gone()
        self.office.forget_keys()
        book, key, wanted = self.draw.choice(used)

        def reserve(who: Tenant) -> None:
            for subject in SUBJECTS:
                changed = replace(wanted, name=f"{wanted.name}-again")
                Reservations().create(replace(who, subject=subject), changed, key)

        self.cloud.turns.spawn("a day later", partial(reserve, Tenant(CALM, self.office, book, self.draw)))
        self.go_on()
        self._end()
        self._settle()
        self._check("a day later")

    def _work(self) -> Work | None:
        actor = self.cloud.turns.current
        return actor.operation if actor else None

    def outcome(self, *, history: bool = False) -> Outcome:
        """The result of the run, with its history if requested."""
        return outcome_of(self.violations, self.cloud, self.ledger, self.office.works, history=history)


class Violated(Exception):
    """There was a violation; the run ends here."""


def simulate(seed: int, *, history: bool = False) -> Outcome:
    """Run one seed."""
    simulation = Simulation(seed)
    try:
        simulation.run()
    except Violated:
        pass
    finally:
        simulation.cloud.turns.abandon()
    return simulation.outcome(history=history)
