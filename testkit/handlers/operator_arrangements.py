"""The state of the service before an operator's event arrives, brought about by calls of the handlers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_key import ApiKey
from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.audit_runs import AuditRun, RepairOrder, findings_of
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.plan_maintenance import MaintenancePlan, plan_maintenance
from gpu_capacity.runtime import composition
from testkit.handlers import arrangements as given
from testkit.handlers.remembering import remembered
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


@remembered
def cordoned(stage: Stage) -> None:
    """An operator has cordoned a rack in London."""
    given.reserved(stage)
    assert stage.request_event("set_cordon", "domain").status == 200


@remembered
def quarantined(stage: Stage) -> None:
    """An operator has set a host in London aside."""
    given.reserved(stage)
    assert stage.request_event("set_quarantine", "host").status == 200


@remembered
def with_an_api_key(stage: Stage) -> None:
    """The organization has the API key that the event files name."""
    given.reserved(stage)
    accounts = composition.services().accounts
    key = ApiKey(
        SAMPLE_KEY_ID + "0" * 48,
        ORGANIZATION,
        "developer@example.com",
        (Scope.READ_ONLY,),
        stage.clock.now(),
        last_four="Zx9-",
        number=1,
    )
    assert accounts.add_api_key(key, 0)


SAMPLE_KEY_ID: Final = "0123456789abcdef"
SAMPLE_MAINTENANCE: Final = "d1c2b3a4-0000-4000-8000-000000000073"


SAMPLE_AUDIT: Final = "019e6dcd4bc0-5f0c2b7d9a1e4c38"


@remembered
def audit_asked_for(stage: Stage) -> None:
    """An operator has asked for the audit that the event files name."""
    given.reserved(stage)
    run = AuditRun(SAMPLE_AUDIT, "operator@example.com", stage.clock.now())
    composition.services().audit_runs.create(run)


@remembered
def audited(stage: Stage) -> None:
    """That audit has run, and the schedule's after it. Both found a name that nobody has."""
    audit_asked_for(stage)
    _leave_a_name(stage)
    assert not stage.run_event("audit_holders", "asked_for")["clean"]
    assert not stage.run_event("audit_holders", "scheduled")["clean"]


def _leave_a_name(stage: Stage) -> None:
    name = keys.claim_name(ORGANIZATION, "left over") | {"claim": {"S": SAMPLE_AUDIT}}
    stage.db.put_item(TableName=HOLDERS, Item=name)


@remembered
def repair_ordered(stage: Stage) -> None:
    """An operator has ordered to repair what the schedule's audit found, by the run of the event files."""
    given.reserved(stage)
    _leave_a_name(stage)
    assert not stage.run_event("audit_holders", "scheduled")["clean"]
    runs = composition.services().audit_runs
    (audit,) = runs.newest_first(None, 1)
    assert audit.report is not None
    order = RepairOrder(audit.id, tuple(findings_of(audit.report)), (), "left over", applied=True)
    runs.create(AuditRun(SAMPLE_AUDIT, "operator@example.com", stage.clock.now(), order=order))


@remembered
def repaired(stage: Stage) -> None:
    """That repair was made."""
    repair_ordered(stage)
    assert stage.run_event("repair_findings", "ordered")["clean"]


class _Chosen:
    """Ids that make the one of the event files."""

    def random_bytes(self) -> bytes:
        return UUID(SAMPLE_MAINTENANCE).bytes


@remembered
def maintenance_planned(stage: Stage) -> None:
    """An operator has planned a maintenance of the first pod in London, from in a day until in two."""
    given.reserved(stage)
    _plan(stage, 86_400, Target(pod_id="uk-lon-1-pod1"))


@remembered
def fault_reported(stage: Stage) -> None:
    """A customer has reported a fault of a server."""
    given.servers_up(stage)
    assert stage.request_event("report_placement_server_fault", "accepted").status == 202


@remembered
def maintenance_over_provisioned(stage: Stage) -> None:
    """A reservation with servers has its pod in a maintenance that opens at once."""
    given.servers_up(stage)
    _plan(stage, 0, Target(pod_id="uk-lon-1-pod1"))


@remembered
def maintenance_open(stage: Stage) -> None:
    """A maintenance of the first pod in London is open, and has taken what is free."""
    maintenance_planned(stage)
    stage.clock.advance(86_400)
    stage.run_event("run_maintenances", "scheduled")


def _plan(stage: Stage, seconds: int, target: Target) -> None:
    begin = stage.clock.now() + seconds
    services = replace(composition.services(), ids=_Chosen())
    plan = MaintenancePlan((target,), begin, begin + 86_400, "new cables")
    plan_maintenance(services, "operator@example.com", "uk-lon-1", plan)
