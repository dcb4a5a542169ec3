"""Maintenances that need every permission of the schedule. ``tests.operations`` checks the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.inventory.maintenances import Permit
from gpu_capacity.runtime import composition
from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated
from testkit.handlers.operator_arrangements import SAMPLE_MAINTENANCE
from testkit.handlers.sample_events import SAMPLE_ID
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def run(stage: Stage) -> None:
    """The schedule runs."""
    stage.run_event("run_maintenances", "scheduled")


def _allowed_and_ended(stage: Stage) -> None:
    """Hosts with servers are taken, because their holder allows it, and come back."""
    operated.maintenance_over_provisioned(stage)
    services = composition.services()
    record = services.reservations.get(ORGANIZATION, SAMPLE_ID)
    planned = services.maintenances.get(SAMPLE_MAINTENANCE)
    assert record is not None
    assert planned is not None
    permit = Permit(ORGANIZATION, SAMPLE_ID, record.life, stage.clock.now(), "owner")
    assert services.maintenances.change(planned, planned.permitted(permit)) is not None
    for _ in range(3):
        stage.restart()
        run(stage)
        stage.clock.advance(60)
    stage.clock.advance(86_400)
    stage.restart()
    run(stage)


def _advised(stage: Stage) -> None:
    """A reservation would fit but for a maintenance."""
    given.sample(stage)
    stage.request_event("plan_maintenance", "rack")
    stage.request_event("advise_reservation", "all")


LIVES = (_allowed_and_ended, _advised)
