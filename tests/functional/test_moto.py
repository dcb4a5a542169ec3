"""The whole life of a reservation over boto3 and moto: the real composition root, clients and environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from gpu_capacity.runtime import composition
from testkit.handlers import sample_events
from testkit.handlers.arrangements import SMALL_REGIONS, STEP, wish
from testkit.handlers.authority import Authority
from testkit.handlers.sample_events import SAMPLE_ID, with_tokens
from testkit.handlers.stage import BUCKET, Answer, Context, answer_of, default_settings, load_handler
from testkit.sample_fleet import sample_fleet
from testkit.world import HOLDERS, create_tables
from tests.functional import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROLE = "arn:aws:iam::123456789012:role/workflow"
_DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


class Account:
    """An AWS account in moto, with the resources of the template."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.authority = Authority()
        self.dynamodb: Any = boto3.client("dynamodb")
        create_tables(self.dynamodb)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        self.workflows: Any = boto3.client("stepfunctions")
        machines = {
            f"{name.upper()}_STATE_MACHINE_ARN": self.workflows.create_state_machine(
                name=f"{name}-reservation", definition=_DEFINITION, roleArn=_ROLE
            )["stateMachineArn"]
            for name in ("provision", "deprovision", "settle_claim")
        }
        settings = default_settings(self.authority) | machines
        settings |= {"AWS_ENDPOINT_URL": "", "SIMULATED_READY_SECONDS": "0", "SIMULATED_DELETE_SECONDS": "0"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        self._handlers: dict[str, Callable[[Any, Any], Any]] = {}

    def run(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function."""
        if function not in self._handlers:
            self._handlers[function] = load_handler(function)
        result = self._handlers[function](with_tokens(event, self.authority.token), Context(function))
        return json.loads(json.dumps(result))

    def ask(self, function: str, case: str) -> Answer:
        """Invoke an API function with one of the files in ``events/``."""
        return answer_of(self.run(function, sample_events.read(function, case)))

    def step(self, case: str, **more: Any) -> dict[str, Any]:
        """Run a step of the workflow with one of the files in ``events/``."""
        answer: dict[str, Any] = self.run(
            "reservation_steps", sample_events.read("reservation_steps", case) | more
        )
        return answer

    def publish(self) -> None:
        """Put the sample fleet where the sync reads it, and run the sync."""
        document = sample_fleet()
        document["regions"] = [r for r in document["regions"] if r["id"] in SMALL_REGIONS]
        boto3.client("s3").put_object(Bucket=BUCKET, Key="fleet.json", Body=json.dumps(document).encode())
        report = self.run("sync_inventory", sample_events.read("sync_inventory", "scheduled"))
        assert report["refused"] is None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        _forget()
        new = Account(monkeypatch)
        new.publish()
        yield new
    _forget()


def _forget() -> None:
    for built_once in (
        composition.environment,
        composition.observability,
        composition.edges,
        composition.services,
        composition.verifier,
        composition.client,
        composition.capacity_events,
    ):
        built_once.cache_clear()


def _units(account: Account) -> tuple[int, int, int]:
    (london,) = account.ask("list_reservation_units", "filtered").json
    return london["availableUnitCount"], london["largestContiguousUnitCount"], london["totalCount"]


def test_a_reservation_is_made_shown_listed_deleted_and_gone(account: Account) -> None:
    assert _units(account) == (8, 4, 8)

    made = account.ask("create_reservation", "accepted_with_idempotency_key")
    assert made.status == 202
    contract.assert_is(contract.RESERVATION, made.json)
    assert made.json["metadata"]["id"] == SAMPLE_ID
    assert _units(account)[0] == 6

    shown = account.ask("get_reservation", "found")
    assert (shown.status, shown.json) == (200, made.json)
    listed = account.ask("list_reservations", "filtered")
    assert (listed.status, listed.json) == (200, [made.json])
    again = account.ask("create_reservation", "accepted_with_idempotency_key")
    assert (again.status, again.json) == (202, made.json)

    assert account.ask("delete_reservation", "accepted").status == 202
    assert account.ask("delete_reservation", "accepted").status == 202
    status = account.ask("get_reservation", "found").json["metadata"]["provisioningStatus"]
    assert status == "deprovisioning"
    assert account.step("release_reservation")["outcome"] == "done"

    assert account.ask("get_reservation", "found").status == 404
    assert account.ask("list_reservations", "all").json == []
    assert _units(account) == (8, 4, 8)


def test_a_reservation_is_provisioned(account: Account) -> None:
    account.ask("create_reservation", "accepted_with_idempotency_key")
    assert account.step("provision_reservation")["outcome"] == "done"
    status = account.ask("get_reservation", "found").json["metadata"]["provisioningStatus"]
    assert status == "provisioned"


def test_the_workflow_is_started_under_the_name_of_the_record(account: Account) -> None:
    account.ask("create_reservation", "accepted_with_idempotency_key")
    machines = account.workflows.list_state_machines()["stateMachines"]
    (arn,) = [m["stateMachineArn"] for m in machines if m["name"] == "provision-reservation"]
    (execution,) = account.workflows.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"].startswith(f"provision-{SAMPLE_ID}-")
    started = account.workflows.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(started["input"]) == STEP


def test_a_full_region_is_refused_after_a_fresh_read(account: Account) -> None:
    def reserve(count: int) -> Answer:
        return answer_of(account.run("create_reservation", wish(count=count)))

    assert [reserve(count).status for count in (4, 3, 1)] == [202, 202, 202]
    full = reserve(1)
    assert full.status == 507
    assert "1 contiguous units requested, 0 available" in full.json["error_description"]
    assert len(account.ask("list_reservations", "all").json) == 3


def test_a_dry_run_writes_nothing(account: Account) -> None:
    assert account.ask("create_reservation", "dry_run").status == 200
    assert account.dynamodb.scan(TableName=HOLDERS)["Items"] == []


def test_a_lost_workflow_is_started_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_GRACE_SECONDS", "1")
    account.ask("create_reservation", "accepted_with_idempotency_key")
    clock = composition.services().clock
    later = clock.now() + 600
    monkeypatch.setattr(type(clock), "now", lambda _: later)
    report = account.run("reconcile_holders", sample_events.read("reconcile_holders", "scheduled"))
    # moto's executions never end by themselves, so it is found running and left alone.
    assert report == {"unsettled": 1, "restarted": 0, "overdue": 0, "left_out": 0}


@pytest.mark.parametrize(
    "name",
    ["INVENTORY_TABLE", "HOLDERS_TABLE", "HISTORY_TABLE", "SERVERS_TABLE", "PROVISION_STATE_MACHINE_ARN"],
)
def test_without_a_required_setting_no_request_is_served(
    account: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    composition.edges.cache_clear()
    composition.services.cache_clear()
    answer = account.ask("list_reservations", "all")
    assert (answer.status, answer.json["error"]) == (500, "server_error")
    assert name not in answer.text


def test_two_environments_share_only_the_tables(account: Account) -> None:
    account.ask("create_reservation", "accepted_with_idempotency_key")
    _forget()
    assert account.ask("get_reservation", "found").status == 200
