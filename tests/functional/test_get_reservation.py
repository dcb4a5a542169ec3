"""GET /api/v2/reservations/{reservationID}: what is shown, and what is not revealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import NOBODYS_ID, SAMPLE_ID, with_headers, with_path, with_query
from testkit.sample_fleet import SAMPLE_ORGANIZATION, SAMPLE_PROJECT
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
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
    stage.run_event("reservation_steps", "begin_provisioning")
    assert _metadata(stage)["provisioningStatus"] == "provisioning"
    for position in arrangements.positions():
        stage.run_step("pin_unit_servers", arrangements.STEP | {"position": position})
    stage.clock.advance(20)
    stage.run_event("reservation_steps", "complete_provisioning")
    assert _metadata(stage)["provisioningStatus"] == "provisioned"


def test_an_undo_is_shown_as_provisioning_and_only_its_end_as_error(stage: Stage) -> None:
    arrangements.abandoned_and_swept(stage)
    assert _metadata(stage)["provisioningStatus"] == "provisioning"
    stage.run_event("reservation_steps", "fail_provisioning")
    assert _metadata(stage)["provisioningStatus"] == "error"


def test_a_failed_reservation_says_what_failed_and_owns_nothing(stage: Stage) -> None:
    arrangements.failed(stage)
    status = _get(stage).json["status"]
    assert "simulated hardware fault" in status["message"]
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
        "x" * 3000,
        "ü",
    ],
)
def test_a_text_that_is_not_an_id_is_not_found(reserved: Stage, identity: str) -> None:
    answer = _get(reserved, identity)
    assert (answer.status, answer.json["error"]) == (404, "not_found")


def test_the_key_of_a_quota_is_not_an_id(reserved: Stage) -> None:
    arrangements.quota(reserved)
    token = reserved.authority.token(projects=["*"])
    event = with_headers(sample_events.read("list_reservations", "all"), authorization=f"Bearer {token}")
    assert len(reserved.request("list_reservations", event).json) == 1


def test_a_member_of_the_sample_project_does_not_see_this_reservation(reserved: Stage) -> None:
    token = reserved.authority.token(organizations=[SAMPLE_ORGANIZATION], projects=[SAMPLE_PROJECT])
    event = with_headers(sample_events.read("get_reservation", "found"), authorization=f"Bearer {token}")
    assert reserved.request("get_reservation", event).status == 404
