"""Alarms watch the metrics that the code counts, and schedules lose no failure silently."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.runtime.observability import NAMESPACE
from testkit.handlers import arrangements
from testkit.handlers.stage import STACK_NAME, Stage
from testkit.world import HOLDERS
from tests.template import source
from tests.template.loading import functions, resources, routes, template
from tests.vms import given as vms_given
from tools.openapi.routes import logical_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALARMS = resources("AWS::CloudWatch::Alarm")
METRICS_OF_AN_ALARM_MAX = 10
"""CloudWatch refuses an alarm whose expression has more metrics; nobody can raise this limit."""

# Metrics for which an operator must be notified. All others are for graphs; a new one has to be classified.
ALARMING = {
    "RequestsFailed",
    "CredentialsRefused",
    "FeedRefused",
    "FleetPartsDeferred",
    "RecordsUnreadable",
    "FeedApplied",
    "ReservationsFailed",
    "HostsQuarantined",
    "PlacementsFailed",
    "HoldersOverdue",
    "CapacityEventsLost",
    "VmsFailed",
    "AuditFindings",
}
FOR_GRAPHS = {
    "EventsPublished",
    "ReservationsAccepted",
    "ReservationsRefused",
    "ReservationsProvisioned",
    "ReservationsMoved",
    "ReservationsDeleted",
    "ReservationsRemoved",
    "PlacementsAccepted",
    "PlacementsDeleted",
    "PlacementsProvisioned",
    "PlacementsDegraded",
    "PlacementsRemoved",
    "ServersReplaced",
    "FaultsReported",
    "HoldersAmiss",
    "HoldersWatched",
    "HoldsRenewed",
    "PlacementsHealing",
    "ProviderUnowned",
    "VmServersLost",
    "UnitsReleased",
    "ClaimRacesLost",
    "CapacityClaimsCreated",
    "CapacityClaimsRemoved",
    "InstancesAllocated",
    "VmsCreated",
    "VmsStarted",
    "VmsInterrupted",
    "VmTermsEnded",
    "VmRacesLost",
    "RequestsRateLimited",
    "WorkflowStartsFailed",
    "HoldersUnsettled",
    "HoldersRestarted",
    "RecordsSkipped",
    "FeedSuperseded",
    "HostsAdded",
    "HostsRemoved",
    "HostsGoneUnhealthy",
    "HostsRecovered",
    "HostsMissing",
    "DomainsCordoned",
    "PodsDeferred",
    "HostsWithheld",
    "MaintenancesActive",
    "HostsInMaintenance",
    "MaintenancesLeftOut",
    "QuarantinesLifted",
    "AuditsRun",
    "AuditRepairs",
    "AuditUnjudged",
}


def _own() -> dict[str, dict[str, Any]]:
    """Alarms on the application's own metrics, by metric."""
    return {a["MetricName"]: a for a in ALARMS.values() if a.get("Namespace") == NAMESPACE}


def test_every_counted_metric_is_classified() -> None:
    assert source.metrics_counted() == ALARMING | FOR_GRAPHS


def test_every_metric_that_needs_an_operator_has_an_alarm() -> None:
    assert set(_own()) == ALARMING


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_has_a_description_and_sends_a_notification(name: str) -> None:
    assert ALARMS[name]["AlarmDescription"].endswith(".")
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    silent = ALARMS[name]["TreatMissingData"]
    # Missing data is itself a fault only for feeds.
    assert silent == ("breaching" if name == "FeedSilentAlarm" else "notBreaching")


def _as_deployed(value: Any) -> Any:
    return STACK_NAME if value == {"Ref": "AWS::StackName"} else value


@pytest.mark.parametrize("metric", sorted(ALARMING))
def test_an_alarm_watches_the_metric_of_its_own_stack_only(metric: str) -> None:
    """Two stacks in one account count under their own names."""
    assert {"Name": "service", "Value": {"Ref": "AWS::StackName"}} in _own()[metric]["Dimensions"]


def test_the_threshold_for_refused_credentials_is_a_parameter() -> None:
    assert _own()["CredentialsRefused"]["Threshold"] == {"Ref": "CredentialsRefusedThreshold"}
    assert template()["Parameters"]["CredentialsRefusedThreshold"]["MinValue"] == 1


def test_a_deferral_that_the_next_document_resolves_raises_no_alarm() -> None:
    alarm = _own()["FleetPartsDeferred"]
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (900, 2)


def test_functions_count_under_the_name_of_their_stack() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def _request_failed(stage: Stage) -> None:
    def surprise(*_: object) -> None:
        raise RuntimeError("boom")

    stage.db.before("*", surprise)
    assert stage.request_event("list_reservations", "all").status == 500


def _credential_refused(stage: Stage) -> None:
    assert stage.request_event("create_reservation", "token_expired").status == 401


def _feed_refused(stage: Stage) -> None:
    arrangements.published_late(stage)
    assert stage.run_event("sync_inventory", "scheduled")["refused"] == "outdated"


def _part_deferred(stage: Stage) -> None:
    arrangements.published_half_empty(stage)
    assert len(stage.run_event("sync_inventory", "scheduled")["parts_deferred"]) == 1


def _reservation_failed(stage: Stage) -> None:
    arrangements.abandoned_and_swept(stage)
    assert stage.run_step("provision_reservation", dict(arrangements.STEP))["outcome"] == "done"


def _host_quarantined(stage: Stage) -> None:
    arrangements.unfit(stage)
    assert stage.run_step("provision_reservation", dict(arrangements.STEP))["outcome"] == "again"


def _placement_failed(stage: Stage) -> None:
    arrangements.placed(stage)
    stage.settings["SIMULATED_BOOT_FAILING_IMAGES"] = "ubuntu-24.04"
    stage.restart()
    for _ in range(20):
        outcome = stage.run_step("settle_placement", dict(arrangements.SETTLE))["outcome"]
        stage.clock.advance(60)
    assert outcome == "done"


def _holder_overdue(stage: Stage) -> None:
    arrangements.reserved(stage)
    stage.clock.advance(100_000)
    assert stage.run_event("reconcile_holders", "scheduled")["overdue"] == 3


def _event_lost(stage: Stage) -> None:
    arrangements.deleted_and_swept(stage)
    stage.functions.down = True
    assert stage.run_event("reservation_steps", "release_reservation")["outcome"] == "done"


def _record_unreadable(stage: Stage) -> None:
    arrangements.reserved(stage)
    record = next(item for item in stage.db.table(HOLDERS).items() if item.get("status") == {"S": "pending"})
    stage.db.put_item(TableName=HOLDERS, Item=record | {"status": {"S": "suspended"}})
    stage.clock.advance(1000)
    assert stage.run_event("reconcile_holders", "scheduled")["left_out"] == 1


def _leak_found(stage: Stage) -> None:
    arrangements.with_a_leak(stage)
    assert stage.run_event("audit_holders", "scheduled")["findings"]


def _feed_applied(stage: Stage) -> None:
    arrangements.publish(stage)
    assert stage.run_event("sync_inventory", "scheduled")["refused"] is None


STORIES: dict[str, Callable[[Stage], None]] = {
    "RequestsFailed": _request_failed,
    "CredentialsRefused": _credential_refused,
    "FeedRefused": _feed_refused,
    "FleetPartsDeferred": _part_deferred,
    "RecordsUnreadable": _record_unreadable,
    "FeedApplied": _feed_applied,
    "ReservationsFailed": _reservation_failed,
    "HostsQuarantined": _host_quarantined,
    "PlacementsFailed": _placement_failed,
    "HoldersOverdue": _holder_overdue,
    "CapacityEventsLost": _event_lost,
    "VmsFailed": vms_given.failed,
    "AuditFindings": _leak_found,
}


@pytest.mark.parametrize("metric", sorted(ALARMING))
def test_metrics_are_counted_under_the_dimensions_that_the_alarm_watches(
    metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(monkeypatch)
    STORIES[metric](stage)
    stage.restart()
    watched = {d["Name"]: _as_deployed(d["Value"]) for d in _own()[metric]["Dimensions"]}
    assert watched in [dimensions for name, dimensions, value in _emitted(capsys) if name == metric and value]


def _emitted(capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, dict[str, str], float]]:
    """(metric, dimensions, sum of values) of everything printed in CloudWatch's embedded format."""
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith("{") or '"_aws"' not in line:
            continue
        blob = json.loads(line)
        for group in blob["_aws"]["CloudWatchMetrics"]:
            assert group["Namespace"] == NAMESPACE
            for names in group["Dimensions"]:
                for metric in group["Metrics"]:
                    values = blob[metric["Name"]]
                    total = sum(values) if isinstance(values, list) else values
                    yield metric["Name"], {name: blob[name] for name in names}, total


def _watched(alarm: str) -> set[tuple[str, str]]:
    """(metric, logical id) of an alarm over several metrics."""
    return {
        (m["MetricStat"]["Metric"]["MetricName"], m["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"])
        for m in ALARMS[alarm]["Metrics"]
        if "MetricStat" in m
    }


@pytest.mark.parametrize("name", sorted(name for name in ALARMS if "Metrics" in ALARMS[name]))
def test_an_alarm_over_several_metrics_has_no_more_than_cloudwatch_takes(name: str) -> None:
    assert 1 <= len([m for m in ALARMS[name]["Metrics"] if "MetricStat" in m]) <= METRICS_OF_AN_ALARM_MAX


def test_errors_and_throttles_of_every_function_of_the_api_are_watched() -> None:
    of_the_api = {name for _, _, name in routes()}
    for kind in ("Errors", "Throttles"):
        watched = set().union(*(_watched(alarm) for alarm in ALARMS if alarm.endswith(f"Api{kind}Alarm")))
        assert watched == {(kind, name) for name in of_the_api}


def test_throttles_of_every_function_are_watched() -> None:
    watched = set().union(*(_watched(a) for a in ALARMS if "Metrics" in ALARMS[a]))
    assert {name for metric, name in watched if metric == "Throttles"} == set(functions())


def test_errors_of_scheduled_functions_are_watched() -> None:
    watched = set().union(*(_watched(alarm) for alarm in ALARMS if alarm.endswith("ScheduleErrorsAlarm")))
    assert {("Errors", name) for name in _scheduled()} <= watched


def test_workflows_that_fail_or_hang_are_watched() -> None:
    machines = set(resources("AWS::Serverless::StateMachine"))
    kinds = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled")
    watched = set().union(*(_watched(alarm) for alarm in ALARMS if alarm.endswith("WorkflowsFailedAlarm")))
    assert watched == {(kind, machine) for kind in kinds for machine in machines}


def test_throttles_of_every_table_are_watched() -> None:
    kinds = ("ReadThrottleEvents", "WriteThrottleEvents")
    tables = resources("AWS::DynamoDB::Table")
    assert _watched("TableThrottlesAlarm") == {(kind, table) for kind in kinds for table in tables}


# Schedules


def _scheduled() -> dict[str, dict[str, Any]]:
    return {
        name: event["Properties"]
        for name, properties in functions().items()
        for event in properties.get("Events", {}).values()
        if event["Type"].startswith("Schedule")
    }


def test_the_scheduled_functions_are_those_that_repair_and_the_one_that_audits() -> None:
    repairing = ("sync_inventory", "reconcile_holders", "fill_capacity_claims")
    of_vms = ("restart_vms", "end_vm_terms", "watch_vm_nodes")
    names = (*repairing, *of_vms, "audit_holders", "run_maintenances", "watch_providers")
    assert set(_scheduled()) == {logical_id(name) for name in names}


@pytest.mark.parametrize("name", sorted(_scheduled()))
def test_a_schedule_retries_a_few_times_and_then_sends_to_the_dead_letter_queue(name: str) -> None:
    queue = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    schedule = _scheduled()[name]
    assert schedule["DeadLetterConfig"] == {"Arn": queue}
    assert 0 < schedule["RetryPolicy"]["MaximumRetryAttempts"] <= 5
    assert schedule["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 900
    assert functions()[name]["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": queue}


def test_dead_letters_are_encrypted_and_watched() -> None:
    queue = template()["Resources"]["DeadLetterQueue"]["Properties"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True
    (dimension,) = ALARMS["DeadLettersAlarm"]["Dimensions"]
    assert dimension["Value"] == {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}


def test_a_scheduled_function_times_out_before_too_many_runs_overlap() -> None:
    for name in set(_scheduled()) - {logical_id("audit_holders")}:
        assert functions()[name]["Timeout"] <= 300
    # It reads everything, once a day.
    assert functions()[logical_id("audit_holders")]["Timeout"] == 900
