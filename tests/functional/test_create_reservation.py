"""POST /api/v2/reservations: what the request decides, and what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from testkit.dynamodb import throttled, unreachable
from testkit.handlers import arrangements, sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.sample_events import SAMPLE_ID, with_headers, with_query
from tests.functional import contract
from tests.functional.contract_words import READ_METADATA

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage


def _create(stage: Stage, event: dict[str, Any]) -> Answer:
    return stage.request("create_reservation", event)


def test_the_response_has_the_placement_and_all_other_decisions(sample: Stage) -> None:
    reservation = _create(sample, wish()).json
    assert reservation["status"]["claimedUnitCount"] == 2
    assert reservation["status"]["machineFlavorId"] == "g.72.gb300.pinned"
    assert re.fullmatch("sha256:[0-9a-f]{64}", reservation["status"]["topologyHash"])
    assert reservation["status"]["topologyObservedAt"] == "2026-01-01T00:00:00Z"
    assert reservation["metadata"]["provisioningStatus"] == "pending"
    assert reservation["metadata"]["healthStatus"] == "healthy"


def test_the_response_repeats_the_request(sample: Stage) -> None:
    event = wish()
    asked, reservation = sample_events.body_of(event), _create(sample, event).json
    owner = {name: asked["spec"].pop(name) for name in ("organizationId", "projectId")}
    assert reservation["spec"] == asked["spec"]
    assert asked["metadata"].keys() == {"name", "description", "tags"}
    assert (asked["metadata"] | owner).items() <= reservation["metadata"].items()
    assert reservation["metadata"]["createdBy"] == "developer@example.com"


def test_every_request_without_a_key_makes_a_new_reservation_even_under_the_same_name(sample: Stage) -> None:
    first, second = (_create(sample, wish(count=1)).json["metadata"] for _ in range(2))
    assert first["id"] != second["id"]
    assert first["name"] == second["name"]


def test_ids_have_the_form_of_version_4_and_begin_with_a_letter(sample: Stage) -> None:
    identity = _create(sample, wish(count=1)).json["metadata"]["id"]
    contract.assert_is(READ_METADATA["properties"]["id"], identity)


@pytest.mark.parametrize("empty", [{"tags": []}, {"description": None, "tags": None}])
def test_absent_tags_and_descriptions_are_left_out(sample: Stage, empty: dict[str, Any]) -> None:
    metadata = _create(sample, wish(empty, count=1)).json["metadata"]
    assert "tags" not in metadata
    assert ("description" in metadata) == ("description" not in empty)


def test_an_empty_description_that_was_sent_is_read_back(sample: Stage) -> None:
    made = _create(sample, wish({"description": ""}, count=1)).json["metadata"]
    listed = sample.request_event("list_reservations", "all").json
    assert made["description"] == ""
    assert [r["metadata"]["description"] for r in listed if r["metadata"]["id"] == made["id"]] == [""]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"description": "é" * 2048 + "e"}, "metadata.description"),
        ({"tags": [{"name": "n" * 129, "value": ""}]}, "metadata.tags.0.name"),
        ({"tags": [{"name": "n", "value": "é" * 128 + "e"}]}, "metadata.tags.0.value"),
        ({"tags": [{"name": str(n), "value": ""} for n in range(51)]}, "metadata.tags"),
    ],
    ids=["description", "tag name", "tag value", "number of tags"],
)
def test_a_field_that_is_too_long_is_named_and_nothing_is_written(
    sample: Stage, changes: dict[str, Any], field: str
) -> None:
    before = sample.db.dump()
    answer = _create(sample, wish(changes, count=1))
    assert answer.status == 400
    assert answer.json["error_description"].startswith(f"{field}: ")
    assert sample.db.dump() == before


def test_the_largest_descriptions_and_tags_are_accepted_and_read_back(sample: Stage) -> None:
    largest = {
        "description": "é" * 2048,
        "tags": [{"name": f"{n:02}" + "n" * 126, "value": "é" * 128} for n in range(50)],
    }
    answer = _create(sample, wish(largest, count=1))
    assert answer.status == 202
    assert {name: answer.json["metadata"][name] for name in largest} == largest


def test_unknown_fields_are_accepted_and_ignored(sample: Stage) -> None:
    event = wish({"colour": "blue"}, count=1, priority={"deep": [1, 2]})
    body = sample_events.body_of(event) | {"apiVersion": "v9"}
    answer = _create(sample, sample_events.with_body(event, body))
    assert answer.status == 202
    assert "blue" not in answer.text


def test_the_provisioning_is_started_under_the_name_of_the_record(sample: Stage) -> None:
    identity = _create(sample, wish()).json["metadata"]["id"]
    assert sample.step_functions.names()[-1].startswith(f"provision-{identity}-")


def test_a_workflow_that_cannot_be_started_does_not_fail_the_request(sample: Stage) -> None:
    sample.step_functions.down = True
    assert _create(sample, wish()).status == 202


def test_one_audit_line_says_who_did_what_to_which_reservation(sample: Stage) -> None:
    identity = _create(sample, wish()).json["metadata"]["id"]
    (line,) = [line["audit"] for line in sample.log_lines if line.get("audit", {}).get("target") == identity]
    assert line["actor"] == "developer@example.com"
    assert line["action"] == "create_reservation"
    assert line["outcome"] == "accepted"


def test_a_refusal_for_lack_of_capacity_has_the_requested_and_the_available_number(sample: Stage) -> None:
    error = _create(sample, wish(count=5)).json
    assert error["error"] == "server_error"
    text = error["error_description"]
    for figure in ("5 contiguous units requested", "4 available", "largest contiguous count 3"):
        assert figure in text


def test_units_that_are_not_contiguous_are_not_sold(sample: Stage) -> None:
    assert _create(sample, wish(count=4)).status == 507
    assert _create(sample, wish(count=3)).status == 202


def test_a_refused_request_writes_nothing(sample: Stage) -> None:
    before = sample.db.dump()
    for case in ("capacity_insufficient", "body_invalid", "not_offered", "permission_missing"):
        assert sample.request_event("create_reservation", case).status >= 400
    assert sample.db.dump() == before


@pytest.mark.parametrize("count", [129, 2_147_483_647])
def test_more_units_than_one_reservation_may_have_are_invalid(sample: Stage, count: int) -> None:
    answer = _create(sample, wish(count=count))

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["error_description"] == "spec.count: one claim has at most 128 units"


@pytest.mark.parametrize(("count", "outlook"), [(8, "may fit later"), (9, "can never fit")])
def test_a_request_that_can_never_fit_is_distinguished_from_one_that_does_not_fit_now(
    sample: Stage, count: int, outlook: str
) -> None:
    answer = _create(sample, wish(count=count))

    assert answer.status == 507
    assert answer.json["error_description"].endswith(outlook)


# Regions


def test_a_hidden_region_is_answered_like_one_that_does_not_exist(sample: Stage) -> None:
    arrangements.hide_chicago(sample)
    hidden = _create(sample, wish(regionId="us-chi-1"))
    absent = _create(sample, wish(regionId="us-chi-9"))
    assert hidden == absent
    assert hidden.status == 404


def test_the_refusal_for_a_hidden_region_does_not_reveal_its_offerings(sample: Stage) -> None:
    arrangements.hide_chicago(sample)
    hidden = _create(sample, wish(regionId="us-chi-1", accelerator="B200"))
    assert hidden.status == 404


NOT_OFFERED = {
    "accelerator": ({"accelerator": "B200"}, ["spec.accelerator"]),
    "unit": ({"unit": "HGX"}, ["spec.unit"]),
    "both": ({"accelerator": "", "unit": ""}, ["spec.accelerator", "spec.unit"]),
}


@pytest.mark.parametrize(("spec", "fields"), NOT_OFFERED.values(), ids=NOT_OFFERED.keys())
def test_an_offering_that_the_region_does_not_have_is_refused_with_those_it_has(
    sample: Stage, spec: dict[str, Any], fields: list[str]
) -> None:
    answer = _create(sample, wish(**spec))
    assert answer.status == 400
    offered = {"spec.accelerator": "GB300", "spec.unit": "NVL72"}
    assert answer.json["errors"] == [
        {"field": field, "problem": f"not offered in the region, which has {offered[field]}"}
        for field in fields
    ]


@pytest.mark.parametrize(
    "region", ["", "x" * 2000, "é" * 600, "uk-lon-1\n", "UK-LON-1", "CATALOG", "../uk-lon-1"]
)
def test_a_region_with_an_unusual_name_is_merely_not_found(sample: Stage, region: str) -> None:
    assert _create(sample, wish(regionId=region)).status == 404


# Access


@pytest.mark.parametrize(
    "spec",
    [
        {"organizationId": "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"},
        {"projectId": "0d4c51ac-7a5e-4c45-8f3e-2f6f6b0f7d11"},
        {"organizationId": ""},
        {"projectId": "*"},
    ],
)
def test_creating_for_another_organization_or_project_is_refused(sample: Stage, spec: dict[str, Any]) -> None:
    assert _create(sample, wish(**spec)).status == 403


def test_all_projects_means_every_project_of_the_own_organizations(sample: Stage) -> None:
    token = sample.authority.token(projects=["*"])
    event = with_headers(wish(projectId="anything"), authorization=f"Bearer {token}")
    assert _create(sample, event).status == 202
    foreign = with_headers(wish(organizationId="other"), authorization=f"Bearer {token}")
    assert _create(sample, foreign).status == 403


@pytest.mark.parametrize("project", ["", "x" * 256, "ü" * 128, "a\nb", "\x1b[2J", "a\x00"])
def test_a_project_that_no_token_can_name_is_invalid(sample: Stage, project: str) -> None:
    """Also for callers with access to all projects: a record of 60 KB would be read with every list."""
    token = sample.authority.token(projects=["*"])
    event = with_headers(wish(projectId=project), authorization=f"Bearer {token}")
    before = sample.db.dump()
    answer = _create(sample, event)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["errors"]] == ["spec.projectId"]
    assert sample.db.dump() == before


def test_an_operator_cannot_create_for_any_organization(sample: Stage) -> None:
    answer = sample.request("create_reservation", wish(), profile="operator")
    assert answer.status == 403


def test_a_quota_refusal_is_a_403_with_its_figures(sample: Stage) -> None:
    arrangements.quota(sample, limit=2, used=0)
    assert _create(sample, wish(count=1)).status == 202
    answer = _create(sample, wish(count=2))
    assert answer.status == 403
    assert "2 GB300 units requested, 1 of 2 in use" in answer.json["error_description"]
    assert _create(sample, wish(count=1)).status == 202


# Idempotency-Key


def test_a_repeat_with_the_same_key_and_body_returns_the_first_response_and_changes_nothing(
    reserved: Stage,
) -> None:
    first = reserved.request_event("get_reservation", "found").json
    before, executions = reserved.db.dump(), reserved.step_functions.names()
    again = reserved.request_event("create_reservation", "accepted_with_idempotency_key")
    assert again.status == 202
    assert again.json == first
    assert again.json["metadata"]["id"] == SAMPLE_ID
    assert reserved.db.dump() == before
    assert reserved.step_functions.names() == executions


@pytest.mark.parametrize(
    "event",
    [
        wish(count=1),
        wish({"name": "other"}),
        wish({"tags": [{"name": "workload", "value": "inference"}]}),
        wish({"description": None}),
        wish(regionId="us-chi-1"),
        wish(regionId="nowhere"),
    ],
)
def test_the_same_key_with_another_body_is_a_conflict(reserved: Stage, event: dict[str, Any]) -> None:
    keyed = with_headers(event, idempotency_key=sample_events.SAMPLE_KEY)
    answer = _create(reserved, keyed)
    assert (answer.status, answer.json["error"]) == (409, "conflict")


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\n", "\x7f"])
def test_a_malformed_key_is_refused(sample: Stage, key: str) -> None:
    answer = _create(sample, with_headers(wish(), idempotency_key=key))
    assert answer.status == 400
    assert "Idempotency-Key" in answer.json["error_description"]


def test_a_key_of_maximum_length_is_accepted(sample: Stage) -> None:
    assert _create(sample, with_headers(wish(), idempotency_key="~" * 255)).status == 202


# dryRun


def test_a_dry_run_shows_the_reservation_that_would_be_made_and_writes_nothing(sample: Stage) -> None:
    before, executions = sample.db.dump(), sample.step_functions.names()
    units = sample.db.write_units
    answer = sample.request_event("create_reservation", "dry_run")
    assert answer.status == 200
    assert answer.json["status"]["claimedUnitCount"] == 2
    assert answer.json["metadata"]["provisioningStatus"] == "pending"
    assert sample.db.dump() == before
    assert sample.db.write_units == units
    assert sample.step_functions.names() == executions
    assert (
        sample.request(
            "get_reservation",
            sample_events.with_path(
                sample_events.read("get_reservation", "found"),
                f"/api/v2/reservations/{answer.json['metadata']['id']}",
            ),
        ).status
        == 404
    )


def test_a_dry_run_is_refused_for_the_same_reasons(sample: Stage) -> None:
    dry = {"dryRun": ["true"]}
    arrangements.quota(sample, limit=5)
    assert _create(sample, with_query(wish(count=5), **dry)).status == 507
    assert _create(sample, with_query(wish(count=6), **dry)).status == 403
    assert _create(sample, with_query(wish(regionId="mars-1"), **dry)).status == 404
    assert _create(sample, with_query(wish(unit="HGX"), **dry)).status == 400


def test_a_dry_run_parameter_of_false_makes_a_real_reservation(sample: Stage) -> None:
    assert _create(sample, with_query(wish(), dryRun=["false"])).status == 202


@pytest.mark.parametrize("values", [["yes"], [""], ["TRUE"], ["true", "true"], ["true", "false"]])
def test_a_dry_run_is_true_or_false_and_nothing_else(sample: Stage, values: list[str]) -> None:
    before = sample.db.dump()
    answer = _create(sample, with_query(wish(), dryRun=values))
    assert answer.status == 400
    assert "dryRun" in answer.json["error_description"]
    assert sample.db.dump() == before


# A database that does not answer


@pytest.mark.parametrize("fault", [throttled(), unreachable()], ids=["throttled", "unreachable"])
def test_an_undecided_request_may_be_sent_again_unchanged(sample: Stage, fault: Any) -> None:
    hook = sample.db.before("*", fault, times=None)
    answer = _create(sample, wish())
    assert answer.status == 500
    assert answer.headers["retry-after"] == "1"
    assert answer.json["error"] == "server_error"
    assert "try again" in answer.json["error_description"]
    hook.cancel()
    assert _create(sample, wish()).status == 202
