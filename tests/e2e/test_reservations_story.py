"""The story of docs/first-calls.md against the real template: a customer's way through the service."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from testkit.sample_fleet import sample_fleet
from tests.functional.contract import ERROR, RESERVATION, UNITS, assert_is

if TYPE_CHECKING:
    from tests.e2e.stack import Answer, FleetManager, Stack

ORGANIZATION, PROJECT = "e2e00000-0000-4000-8000-000000000001", "e2e00000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.token(ORGANIZATION, PROJECT)


def reserve(stack: Stack, token: str, region: str, count: int, **options: Any) -> Answer:
    body = {
        "metadata": {"name": "story", "tags": [{"name": "workload", "value": "training"}]},
        "spec": {
            "organizationId": ORGANIZATION,
            "projectId": PROJECT,
            "regionId": region,
            "accelerator": "GB300",
            "unit": "NVL72",
            "count": count,
        },
    }
    return stack.call("POST", "/api/v2/reservations", token=token, body=body, **options)


def figures(stack: Stack, token: str, region: str) -> tuple[int, int, int]:
    answer = stack.call("GET", f"/api/v2/reservation-units?regionID={region}&accelerator=GB300", token=token)
    assert answer.status == 200, answer.text
    assert_is(UNITS, answer.json)
    (row,) = answer.json
    return row["availableUnitCount"], row["largestContiguousUnitCount"], row["totalCount"]


def delete_and_wait(stack: Stack, token: str, reservation_id: str) -> list[Any]:
    path = f"/api/v2/reservations/{reservation_id}"
    gone = stack.call("DELETE", path, token=token)
    assert (gone.status, gone.text) == (202, "")
    return stack.wait_until("removal", "GET", path, token=token, seen=lambda answer: answer.status == 404)


def test_the_sample_regions_have_the_published_figures(stack: Stack, token: str) -> None:
    assert figures(stack, token, "uk-lon-1") == (4, 3, 8)
    assert figures(stack, token, "us-chi-1") == (2, 2, 6)


def test_a_reservation_becomes_provisioned_is_deleted_and_its_racks_are_sold_again(
    stack: Stack, token: str
) -> None:
    accepted = reserve(stack, token, "us-chi-1", 2)
    assert accepted.status == 202, accepted.text
    assert_is(RESERVATION, accepted.json)
    assert accepted.json["metadata"]["provisioningStatus"] == "pending"
    assert accepted.json["status"]["claimedUnitCount"] == 2
    path = f"/api/v2/reservations/{accepted.json['metadata']['id']}"
    at_once = stack.call("GET", path, token=token)
    assert at_once.status == 200
    history = stack.wait_until(
        "provisioning",
        "GET",
        path,
        token=token,
        seen=lambda answer: answer.json["metadata"]["provisioningStatus"] == "provisioned",
    )
    assert {status for _, status in history} <= {"pending", "provisioning", "provisioned"}
    provisioned = stack.call("GET", path, token=token).json
    assert_is(RESERVATION, provisioned)
    assert provisioned["metadata"]["healthStatus"] == "healthy"
    assert provisioned["status"]["topologyHash"] == accepted.json["status"]["topologyHash"]

    full = reserve(stack, token, "us-chi-1", 1)
    assert full.status == 507
    assert_is(ERROR, full.json)
    assert "1 contiguous units requested, 0 available" in full.json["error_description"]
    assert figures(stack, token, "us-chi-1") == (0, 0, 6)

    seen = delete_and_wait(stack, token, accepted.json["metadata"]["id"])
    assert {status for _, status in seen} <= {"deprovisioning", None}
    assert figures(stack, token, "us-chi-1") == (2, 2, 6)

    again = reserve(stack, token, "us-chi-1", 2)
    assert again.status == 202
    delete_and_wait(stack, token, again.json["metadata"]["id"])


def test_of_many_concurrent_customers_exactly_as_many_succeed_as_there_are_racks(
    stack: Stack, token: str
) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda _: reserve(stack, token, "uk-lon-1", 1), range(12)))
    won = [answer.json["metadata"]["id"] for answer in answers if answer.status == 202]
    assert sorted(answer.status for answer in answers) == [202] * 4 + [507] * 8
    assert figures(stack, token, "uk-lon-1") == (0, 0, 8)
    listed = stack.call("GET", "/api/v2/reservations?regionID=uk-lon-1", token=token).json
    assert [entry["metadata"]["id"] for entry in listed] == sorted(won)
    for reservation_id in won:
        delete_and_wait(stack, token, reservation_id)
    assert figures(stack, token, "uk-lon-1") == (4, 3, 8)


def test_a_retry_with_the_same_key_returns_the_first_reservation(stack: Stack, token: str) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = reserve(stack, token, "us-tex-1", 2, headers=key)
    second = reserve(stack, token, "us-tex-1", 2, headers=key)
    other = reserve(stack, token, "us-tex-1", 3, headers=key)
    assert (first.status, second.status, other.status) == (202, 202, 409)
    assert first.json["metadata"]["id"] == second.json["metadata"]["id"]
    assert_is(ERROR, other.json)
    delete_and_wait(stack, token, first.json["metadata"]["id"])


def test_a_delete_during_provisioning_overrides_it(stack: Stack, token: str) -> None:
    before = figures(stack, token, "us-tex-1")
    accepted = reserve(stack, token, "us-tex-1", 8)
    assert accepted.status == 202
    delete_and_wait(stack, token, accepted.json["metadata"]["id"])
    assert figures(stack, token, "us-tex-1") == before


def test_a_dry_run_reserves_nothing(stack: Stack, token: str) -> None:
    before = figures(stack, token, "us-tex-1")
    body = {
        "metadata": {"name": "dry"},
        "spec": {
            "organizationId": ORGANIZATION,
            "projectId": PROJECT,
            "regionId": "us-tex-1",
            "accelerator": "GB300",
            "unit": "NVL72",
            "count": 8,
        },
    }
    planned = stack.call("POST", "/api/v2/reservations?dryRun=true", token=token, body=body)
    assert planned.status == 200
    assert_is(RESERVATION, planned.json)
    assert figures(stack, token, "us-tex-1") == before


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/v2/nothing", 404, "not_found"),
        ("PUT", "/api/v2/reservations", 405, "method_not_allowed"),
        ("PATCH", "/api/v2/reservations/a64f9269-36e0-4312-b8d1-52d93d569b7b", 405, "method_not_allowed"),
        ("DELETE", "/api/v2/reservation-units", 405, "method_not_allowed"),
        ("POST", "/api/version", 405, "method_not_allowed"),
        ("GET", "/api/v2/reservations/a64f9269-36e0-4312-b8d1-52d93d569b7b", 404, "not_found"),
    ],
)
def test_unknown_routes_and_wrong_methods_are_answered_in_the_format_of_the_api(
    stack: Stack, token: str, method: str, path: str, status: int, word: str
) -> None:
    answer = stack.call(method, path, token=token)
    assert (answer.status, answer.json["error"]) == (status, word)
    assert_is(ERROR, answer.json)


def test_a_request_without_a_token_is_refused(stack: Stack) -> None:
    for path in ("/api/v2/reservations", "/api/v2/reservation-units"):
        answer = stack.call("GET", path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stack.call("GET", "/api/version").json == {"name": "gpu-capacity-reservation", "version": "0.5.0"}


def test_health_follows_the_hardware_and_a_region_that_shrinks_is_deferred(
    stack: Stack, fleet: FleetManager, token: str
) -> None:
    accepted = reserve(stack, token, "us-tex-1", 1)
    path = f"/api/v2/reservations/{accepted.json['metadata']['id']}"
    claimed = stack.client("dynamodb").query(
        TableName=stack.output("HoldersTableName"),
        KeyConditionExpression="pk = :pk AND sk = :sk",
        ExpressionAttributeValues={
            ":pk": {"S": f"ORG#{ORGANIZATION}"},
            ":sk": {"S": f"RESERVATION#{accepted.json['metadata']['id']}"},
        },
    )["Items"][0]

    document = sample_fleet()
    region = next(r for r in document["regions"] if r["id"] == "us-tex-1")
    pod = next(p for p in region["pods"] if p["id"] == claimed["pod"]["S"])
    domain = next(d for d in pod["domains"] if d["position"] == int(claimed["start"]["N"]))
    domain["hosts"][0]["state"] = "unhealthy"
    assert fleet.publish(document)["refused"] is None
    assert stack.call("GET", path, token=token).json["metadata"]["healthStatus"] == "degraded"

    before = figures(stack, token, "us-tex-1")
    region["pods"] = region["pods"][:2]
    deferred = fleet.publish(document)["parts_deferred"]
    assert [(part["region_id"], part["code"]) for part in deferred] == [("us-tex-1", "drops_too_much")]
    assert figures(stack, token, "us-tex-1") == before

    assert fleet.publish(sample_fleet())["refused"] is None
    assert stack.call("GET", path, token=token).json["metadata"]["healthStatus"] == "healthy"
    delete_and_wait(stack, token, accepted.json["metadata"]["id"])
