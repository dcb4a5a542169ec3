"""GET /api/v2/reservations/{reservationID}: what is shown, and what is not revealed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import NOBODYS_ID, SAMPLE_ID, with_headers, with_path, with_query
from testkit.sample_fleet import SAMPLE_ORGANIZATION, SAMPLE_PROJECT
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Answer, Stage


def _get(stage: Stage, identity: str = SAMPLE_ID, profile: str = "member") -> Answer:
    event = with_path(sample_events.read("get_reservation", "found"), f"/api/v2/reservations/{identity}")
    return stage.request("get_reservation", event, profile=profile)


def _metadata(stage: Stage) -> dict[str, str]:
    answer = _get(stage)
    assert answer.status == 200
    metadata: dict[str, str] = answer.json["metadata"]
    return metadata


def test_a_get_right_after_the_post_returns_the_same(sample: Stage) -> None:
    made = sample.request_event("create_reservation", "accepted_with_idempotency_key")
    assert _get(sample).json == made.json


def test_the_status_follows_the_workflow(stage: Stage) -> None:
    arrangements.reserved(stage)
    assert _metadata(stage)["provisioningStatus"] == "pending"
    stage.run_event("reservation_steps", "provision_reservation")
    assert _metadata(stage)["provisioningStatus"] == "provisioning"
    stage.clock.advance(20)
    stage.run_event("reservation_steps", "provision_reservation")
    assert _metadata(stage)["provisioningStatus"] == "provisioned"


def test_an_undo_is_shown_as_provisioning_and_only_its_end_as_error(stage: Stage) -> None:
    arrangements.abandoned_and_swept(stage)
    assert _metadata(stage)["provisioningStatus"] == "provisioning"
    stage.run_event("reservation_steps", "provision_reservation")
    assert _metadata(stage)["provisioningStatus"] == "error"


def test_a_failed_reservation_says_what_failed_and_owns_nothing(stage: Stage) -> None:
    arrangements.failed(stage)
    status = _get(stage).json["status"]
    assert status["message"] == "a host is unfit"
    assert status["claimedUnitCount"] == 0
    assert "topologyHash" not in status


def test_a_reservation_being_deleted_has_its_time_of_deletion(stage: Stage) -> None:
    arrangements.deleted(stage)
    metadata = _metadata(stage)
    assert metadata["provisioningStatus"] == "deprovisioning"
    assert metadata["deletionTime"] > metadata["creationTime"]


def test_a_reservation_not_being_deleted_has_no_time_of_deletion(reserved: Stage) -> None:
    assert "deletionTime" not in _metadata(reserved)


def test_health_follows_the_hardware_and_the_hash_stays(reserved: Stage) -> None:
    before = _get(reserved).json["status"]["topologyHash"]
    assert _metadata(reserved)["healthStatus"] == "healthy"
    position = arrangements.positions()[0]
    document = arrangements.publish(reserved, sequence=2)
    (pod,) = [p for r in document["regions"] for p in r["pods"] if p["id"] == "uk-lon-1-pod1"]
    pod["domains"][position]["hosts"][3]["state"] = "unhealthy"
    reserved.bucket.content = json.dumps(document).encode()
    assert reserved.run_event("sync_inventory", "scheduled")["refused"] is None
    assert _metadata(reserved)["healthStatus"] == "degraded"
    assert _get(reserved).json["status"]["topologyHash"] == before


# What is not revealed


@pytest.mark.parametrize("function", ["get_reservation", "delete_reservation"])
def test_a_foreign_id_is_answered_exactly_like_an_absent_one(reserved: Stage, function: str) -> None:
    foreign = reserved.request_event(function, "foreign")
    absent = reserved.request_event(function, "unknown")
    assert foreign == absent
    assert foreign.status == 404


def test_a_reservation_in_another_project_of_the_organization_is_not_found(reserved: Stage) -> None:
    token = reserved.authority.token(projects=["0d4c51ac-7a5e-4c45-8f3e-2f6f6b0f7d11"])
    event = with_headers(sample_events.read("get_reservation", "found"), authorization=f"Bearer {token}")
    assert reserved.request("get_reservation", event) == _get(reserved, NOBODYS_ID)


def test_a_permitted_project_under_another_organization_is_not_found(reserved: Stage) -> None:
    token = reserved.authority.token(organizations=[SAMPLE_ORGANIZATION], projects=["*"])
    event = with_headers(sample_events.read("get_reservation", "found"), authorization=f"Bearer {token}")
    assert reserved.request("get_reservation", event).status == 404


def test_naming_an_organization_gives_no_access_to_it(reserved: Stage) -> None:
    event = with_query(sample_events.read("get_reservation", "foreign"), organizationID=[ORGANIZATION])
    assert reserved.request("get_reservation", event).status == 404


def test_naming_organizations_limits_the_search_to_them(reserved: Stage) -> None:
    token = reserved.authority.token(organizations=[ORGANIZATION, SAMPLE_ORGANIZATION], projects=["*"])
    event = with_headers(sample_events.read("get_reservation", "found"), authorization=f"Bearer {token}")
    for organizations, status in (([ORGANIZATION], 200), ([SAMPLE_ORGANIZATION], 404), ([], 200)):
        narrowed = with_query(event, organizationID=organizations) if organizations else event
        assert reserved.request("get_reservation", narrowed).status == status


def test_an_operator_has_to_name_the_organization(reserved: Stage) -> None:
    assert reserved.request_event("get_reservation", "found_by_operator").status == 200
    assert _get(reserved, profile="operator").status == 404


@pytest.mark.parametrize(
    "identity",
    [
        "not-an-id",
        SAMPLE_ID.upper(),
        SAMPLE_ID + "0",
        SAMPLE_ID[:-1],
        f"{SAMPLE_ID}%0a",
        "QUOTA%23GB300",
        "..",
        "0" * 36,
        "1" + SAMPLE_ID[1:],
        "x" * 63,
        "ü",
    ],
)
def test_a_text_that_is_not_an_id_is_not_found(reserved: Stage, identity: str) -> None:
    answer = _get(reserved, identity)
    assert (answer.status, answer.json["error"]) == (404, "not_found")


@pytest.mark.parametrize("function", ["get_reservation", "delete_reservation"])
@pytest.mark.parametrize("length", [64, 3000])
def test_what_is_longer_than_an_id_may_be_is_refused(reserved: Stage, function: str, length: int) -> None:
    path = f"/api/v2/reservations/{'x' * length}"
    event = with_path(sample_events.read("get_reservation", "found"), path)
    event["httpMethod"] = {"get_reservation": "GET", "delete_reservation": "DELETE"}[function]
    answer = reserved.request(function, event)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["errors"] == [
        {"field": "path reservationID", "problem": "must have at most 63 characters"}
    ]


def test_the_key_of_a_quota_is_not_an_id(reserved: Stage) -> None:
    arrangements.quota(reserved)
    token = reserved.authority.token(projects=["*"])
    event = with_headers(sample_events.read("list_reservations", "all"), authorization=f"Bearer {token}")
    assert len(reserved.request("list_reservations", event).json) == 1


def test_a_member_of_the_sample_project_does_not_see_this_reservation(reserved: Stage) -> None:
    token = reserved.authority.token(organizations=[SAMPLE_ORGANIZATION], projects=[SAMPLE_PROJECT])
    event = with_headers(sample_events.read("get_reservation", "found"), authorization=f"Bearer {token}")
    assert reserved.request("get_reservation", event).status == 404


# What the hosts are, and why the statuses are what they are

LONDONS_HOST: Final = {
    "cpus": 144,
    "memory": 960,
    "disk": 0,
    "gpu": {"vendor": "NVIDIA", "model": "GB300", "physicalCount": 4, "logicalCount": 4, "memory": 288},
    "architecture": "aarch64",
}


def test_the_hosts_are_described_in_every_answer(sample: Stage) -> None:
    made = sample.request_event("create_reservation", "accepted_with_idempotency_key")
    found = _get(sample)
    listed = sample.request_event("list_reservations", "all")
    for view in (made.json, found.json, *listed.json):
        assert view["status"]["host"] == LONDONS_HOST


def test_the_hosts_are_described_after_the_region_was_withdrawn_and_the_reservation_failed(
    stage: Stage,
) -> None:
    arrangements.failed(stage)
    document = arrangements.publish(stage, sequence=2, regions=("us-chi-1",))
    stage.bucket.content = json.dumps(document).encode()
    stage.run_event("sync_inventory", "scheduled")
    assert _get(stage).json["status"]["host"] == LONDONS_HOST


@pytest.mark.parametrize(
    ("before", "reason", "message"),
    [
        (arrangements.reserved, "Provisioning", r"2 units claimed; holding 36 hosts begins"),
        (arrangements.begun, "Provisioning", r"holding 36 hosts of 2 units"),
        (
            arrangements.abandoned,
            "DependencyFailed",
            r"provisioning failed and its hosts are being released: a host is unfit",
        ),
        (arrangements.provisioned, "Provisioned", r"36 hosts of 2 units are held"),
        (arrangements.failed, "Errored", r"a host is unfit; nothing is reserved, so delete it"),
        (arrangements.deleted, "Deprovisioning", r"its hosts are being released"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_provisioning_status_is_explained(
    stage: Stage, before: Callable[[Stage], None], reason: str, message: str
) -> None:
    before(stage)
    detail = _get(stage).json["metadata"]["provisioningStatusDetail"]
    assert detail["reason"] == reason
    assert re.match(message, detail["message"])


def _break(stage: Stage, hosts: int, state: str) -> None:
    """Publish the fleet with so many hosts of the reservation's racks in another state."""
    document = arrangements.publish(stage, sequence=2)
    (pod,) = [p for r in document["regions"] for p in r["pods"] if p["id"] == "uk-lon-1-pod1"]
    racks = [pod["domains"][position] for position in arrangements.positions()]
    for host in [host for rack in racks for host in rack["hosts"]][:hosts]:
        host["state"] = state
    stage.bucket.content = json.dumps(document).encode()
    assert stage.run_event("sync_inventory", "scheduled")["refused"] is None


def _health(stage: Stage) -> tuple[str, str, str]:
    metadata = _get(stage).json["metadata"]
    detail = metadata["healthStatusDetail"]
    return metadata["healthStatus"], detail["reason"], detail["message"]


def test_health_names_the_hosts_that_are_not_in_service(reserved: Stage) -> None:
    assert _health(reserved) == ("healthy", "Healthy", "36 hosts in service")
    _break(reserved, 2, "out_of_service")
    status, reason, message = _health(reserved)
    assert (status, reason) == ("degraded", "Degraded")
    assert re.fullmatch(
        r"not all of 36 hosts are in service: "
        r"\S+ \(out of service\), \S+ \(out of service\)",
        message,
    )


def test_health_names_some_of_many_hosts_and_counts_the_others(reserved: Stage) -> None:
    _break(reserved, 36, "unhealthy")
    status, reason, message = _health(reserved)
    assert (status, reason) == ("error", "Degraded")
    assert message.startswith("none of 36 hosts is in service: ")
    assert message.count("(unhealthy)") == 10
    assert message.endswith(", 26 more")


def test_what_holds_nothing_has_no_health(stage: Stage) -> None:
    arrangements.failed(stage)
    assert _health(stage) == ("unknown", "Unknown", "it has no hosts")


@pytest.mark.parametrize("description", ["", "text", None])
def test_a_description_is_read_back_as_it_was_sent(sample: Stage, description: str | None) -> None:
    made = sample.request("create_reservation", arrangements.wish({"description": description}))
    for metadata in (made.json["metadata"], _get(sample, made.json["metadata"]["id"]).json["metadata"]):
        assert metadata.get("description") == description
        assert ("description" in metadata) == (description is not None)


def test_an_answer_without_a_body_has_no_content_type(reserved: Stage) -> None:
    answer = reserved.request_event("delete_reservation", "accepted")
    assert (answer.status, answer.text) == (202, "")
    assert "content-type" not in answer.headers
