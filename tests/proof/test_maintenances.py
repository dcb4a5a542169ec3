"""Maintenances of a run come to their ends, whoever got the answer of their plan."""

from __future__ import annotations

from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.plan_maintenance import MaintenancePlan, plan_maintenance
from proof.fleet import LONDON
from proof.simulation import Simulation
from proof.stage import CALM_PROFILE, POD


def test_a_plan_whose_answer_was_lost_comes_to_its_end() -> None:
    simulation = Simulation(1, CALM_PROFILE)
    services, now = simulation.cloud.environment().services, simulation.cloud.clock.now()
    plan = MaintenancePlan((Target(pod_id=POD),), now, now + 600, "new cables", None)
    plan_maintenance(services, "operator", LONDON, plan)
    # The operator of the run was not told of it.
    assert list(simulation.maintenances.rules.leftovers())

    simulation.maintenances.end(simulation.go_on)

    assert simulation.violations == []
    assert list(simulation.maintenances.rules.leftovers()) == []
