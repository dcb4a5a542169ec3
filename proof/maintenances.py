"""Operators who plan maintenances, holders who allow them, and the schedule, in a share of the runs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.plan_maintenance import (
    MaintenancePlan,
    cancel_maintenance,
    change_maintenance,
    maintenance_of,
    plan_maintenance,
)
from gpu_capacity.operations.run_maintenances import run_maintenances
from gpu_capacity.reservations.allow_maintenance import allow_maintenance
from proof.cloud import MAINTENANCE_NOTICE_SECONDS, SKEW_SECONDS_MAX
from proof.faults import Work
from proof.maintenance_rules import MaintenanceRules, adopted
from testkit.items import RESERVATION
from testkit.world import caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from proof.cloud import Cloud, Environment
    from proof.ledger import Ledger
    from testkit.dynamodb.storage import Change

SHARE: Final = 0.4
"""Of runs in which hardware is worked on."""

RUN_EVERY_MS: Final = 15_000
ROUNDS_MAX: Final = 12
_OPERATOR: Final = "operator"


@dataclass
class Maintenances:
    """The maintenances of one run.

    Attributes:
        cloud: the platform.
        ledger: knows the records of holders. It follows every write after the rules.
        rules: what must hold after every write.
    """

    cloud: Cloud
    ledger: Ledger
    rules: MaintenanceRules = field(init=False)
    draw: Random = field(init=False)

    def __post_init__(self) -> None:
        # Draws of its own: what else a seed does stays as it is.
        self.draw = random.Random(f"maintenances-{self.cloud.seed}")
        skew = 2 * SKEW_SECONDS_MAX if self.cloud.profile.skewed else 0
        self.rules = MaintenanceRules(self.cloud.clock.now, self.cloud.tell, MAINTENANCE_NOTICE_SECONDS, skew)
        self.rules(adopted(self.cloud.db.dump()))

    def follow(self, changes: list[Change]) -> None:
        """See ``MemoryDynamoDB.watch``."""
        self.rules(changes)
        self.ledger(changes)

    def begin(self) -> None:
        """Spawn who takes part while faults may happen."""
        if self.draw.random() >= SHARE:
            return
        chaos_ms = self.cloud.profile.chaos_ms
        for name, act in (("operator plans", self._plan), ("owner allows", self._allow)):
            for _ in range(self.draw.randrange(1, 4)):
                self._spawn(name, act, self.draw.randrange(chaos_ms))
        self._spawn("operator plans", self._plan, self.draw.randrange(1_000))
        self._spawn("operator changes", self._change, self.draw.randrange(chaos_ms))
        for at_ms in range(self.draw.randrange(RUN_EVERY_MS), chaos_ms, RUN_EVERY_MS):
            self._spawn("maintenances", self.run, at_ms)
            if self.draw.random() < 0.3:
                self._spawn("maintenances too", self.run, at_ms + self.draw.randrange(2_000))

    def end(self, go_on: Callable[[], None]) -> None:
        """Once the faults are over: cancel or wait for what is left, until nothing is."""
        for maintenance_id in sorted(self.rules.records):
            if self.draw.random() < 0.5:
                self._spawn("operator", partial(self._cancel, maintenance_id), 0)
        for _ in range(ROUNDS_MAX if self.rules.records else 0):
            go_on()
            if not (left := list(self.rules.leftovers())):
                return
            self.cloud.clock.advance(120)
            self._spawn("maintenances", self.run, 0)
        if left := list(self.rules.leftovers()):
            self.cloud.tell(f"maintenances never end: {left}")

    def run(self) -> None:
        """The schedule."""
        self.cloud.invoke("maintenances", Work("run_maintenances"), lambda e: run_maintenances(e.services))

    # What people do.

    def _spawn(self, name: str, act: Callable[[], object], after_ms: int) -> None:
        self.cloud.turns.spawn(name, partial(self.cloud.endure, act), after_ms)

    def _target(self) -> tuple[str, Target]:
        regions = {**self.cloud.profile.shape}
        region_id = self.draw.choice(sorted(regions))
        pod_id = self.draw.choice(sorted(regions[region_id]))
        pod = self.cloud.environment().services.inventory.pods({(region_id, pod_id)}).get((region_id, pod_id))
        kind = self.draw.randrange(4)
        if pod is None or not pod.domains or kind == 0:
            return region_id, Target(pod_id=pod_id)
        domain = self.draw.choice(pod.domains)
        if kind == 1 or not domain.hosts:
            return region_id, Target(pod_id=pod_id, domain_id=domain.id)
        return region_id, Target(host_id=self.draw.choice(domain.hosts).id)

    def _wish(self, target: Target) -> MaintenancePlan:
        now = self.cloud.clock.now()
        begin = now + self.draw.choice((0, 0, 10, 60))
        notice = MAINTENANCE_NOTICE_SECONDS if self.draw.random() < 0.3 else None
        return MaintenancePlan(
            (target,), begin, begin + self.draw.choice((30, 120, 600)), "new cables", notice
        )

    def _plan(self) -> None:
        region_id, target = self._target()

        def plan(environment: Environment) -> Any:
            return plan_maintenance(environment.services, _OPERATOR, region_id, self._wish(target))

        self.cloud.invoke("operator", Work("plan_maintenance"), plan)

    def _change(self) -> None:
        if not self.rules.records:
            return
        maintenance_id = self.draw.choice(sorted(self.rules.records))
        _, target = self._target()

        def change(environment: Environment) -> None:
            services = environment.services
            tag = maintenance_of(services, maintenance_id).tag
            change_maintenance(services, _OPERATOR, maintenance_id, self._wish(target), tag)

        self.cloud.invoke("operator", Work("change_maintenance"), change)

    def _cancel(self, maintenance_id: str) -> None:
        self.cloud.invoke(
            "operator",
            Work("cancel_maintenance"),
            lambda e: cancel_maintenance(e.services, _OPERATOR, maintenance_id),
        )

    def _allow(self) -> None:
        """Every owner lets every maintenance begin that is about its hosts."""
        held = [key for key in self.ledger.records if key[1].startswith(RESERVATION)]
        for organization, sort_key in sorted(held):
            for maintenance_id in sorted(self.rules.records):
                who = caller(organizations=frozenset({organization.removeprefix("ORG#")}))
                asked = (who, sort_key.removeprefix(RESERVATION), maintenance_id, frozenset[str]())
                self.cloud.endure(
                    lambda asked=asked: self.cloud.invoke(  # type: ignore[misc]
                        "api", Work("allow_maintenance"), lambda e: allow_maintenance(e.services, *asked)
                    )
                )
