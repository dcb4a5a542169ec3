"""Valid and invalid requests; a refusal names the wrong field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from testkit.auditor.claims import claim_records
from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import sample
from testkit.handlers.claim_stage import CLAIM_ID, CLAIMS, varied
from testkit.world import ORGANIZATION
from tests.capacity_claims.claim_answers import claim_of, violations
from tests.capacity_claims.claim_contract import STATUS, assert_is

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage

UPPER = CLAIM_ID.upper()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"instanceId": None}, ["resources.instance_id"]),
        ({"instanceId": ""}, ["resources.instance_id"]),
        ({"instanceId": 5}, ["resources.instance_id"]),
        ({"instanceId": "x" * 254}, ["resources.instance_id"]),
        ({"instanceCount": None}, ["resources.instance_count"]),
        ({"instanceCount": 0}, ["resources.instance_count"]),
        ({"instanceCount": -1}, ["resources.instance_count"]),
        ({"instanceCount": 4001}, ["resources.instance_count"]),
        ({"instanceCount": "10"}, ["resources.instance_count"]),
        ({"instanceCount": 1.5}, ["resources.instance_count"]),
        ({"instanceCount": True}, ["resources.instance_count"]),
        ({"zones": None}, ["resources.zones"]),
        ({"zones": []}, ["resources.zones"]),
        ({"zones": "us-chi-1"}, ["resources.zones"]),
        ({"zones": ["us-chi-1", ""]}, ["resources.zones[1]"]),
        ({"zones": ["us-chi-1", 7]}, ["resources.zones[1]"]),
        ({"zones": ["us-chi-1", "us-chi-1"]}, ["resources.zones"]),
        ({"zones": [f"zone-{n}" for n in range(21)]}, ["resources.zones"]),
        ({"zones": ["us-chi-1", "US-CHI-1"]}, ["resources.zones"]),
        ({"capacityType": None}, ["resources.capacity_type"]),
        ({"capacityType": "CAPACITY_TYPE_UNSPECIFIED"}, ["resources.capacity_type"]),
        ({"capacityType": "customer"}, ["resources.capacity_type"]),
        ({"resources": None}, ["resources"]),
        ({"resources": []}, ["resources"]),
        ({"id": ""}, ["id"]),
        ({"id": "inference"}, ["id"]),
        ({"id": CLAIM_ID.replace("-", "")}, ["id"]),
        ({"id": f"{{{CLAIM_ID}}}"}, ["id"]),
        ({"id": f"urn:uuid:{CLAIM_ID}"}, ["id"]),
        ({"id": 7}, ["id"]),
        ({"name": ""}, ["name"]),
        ({"name": "-inference"}, ["name"]),
        ({"name": "inference-"}, ["name"]),
        ({"name": "inference\n"}, ["name"]),
        ({"name": "in_ference"}, ["name"]),
        ({"name": "i" * 64}, ["name"]),
        ({"name": 7}, ["name"]),
    ],
    ids=str,
)
def test_an_invalid_field_is_named_and_nothing_is_written(
    stage: ClaimStage, changes: dict[str, Any], fields: list[str]
) -> None:
    sample(stage)
    before = stage.db.dump()
    assert violations(stage.claim(**changes)) == fields
    assert stage.db.dump() == before


@pytest.mark.parametrize("body", ["", "null", "[]", '"x"', "{", "\ufeff{}", '{"resources": NaN}', "\ud800"])
def test_a_body_of_another_type_is_an_invalid_argument(stage: ClaimStage, body: str) -> None:
    sample(stage)
    event = sample_events.with_body(sample_events.read("create_capacity_claim", "full"), body)
    answer = stage.request("create_capacity_claim", event)
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert_is(STATUS, answer.json)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "i"},
        {"name": "I9"},
        {"name": "i" * 63},
        {"name": None},
        {"id": None},
        {"instanceCount": 4000},
        {"capacityType": "CAPACITY_TYPE_SERVERLESS"},
        {"capacityType": "CAPACITY_TYPE_MANAGED"},
        {"unknownField": {"may": "come"}},
    ],
    ids=str,
)
def test_a_valid_request_is_accepted_and_returned_as_it_was_sent(
    stage: ClaimStage, changes: dict[str, Any]
) -> None:
    sample(stage)
    event = varied(**changes)
    spec = claim_of(stage.request("create_capacity_claim", event))["spec"]
    sent = sample_events.body_of(event)
    sent["resources"].pop("unknownField", None)
    assert spec["resources"] == sent["resources"]
    assert spec["id"] == sent.get("id", spec["id"])
    assert spec["name"] == sent.get("name", f"claim-{spec['id']}")
    assert spec["organizationId"] == ORGANIZATION


def test_an_id_in_upper_case_is_the_same_id(stage: ClaimStage) -> None:
    sample(stage)
    first = claim_of(stage.claim(id=UPPER))
    assert first["spec"]["id"] == CLAIM_ID
    assert claim_of(stage.claim())["spec"] == first["spec"]
    assert len(claim_records(stage.db)) == 1
    event = sample_events.read("update_capacity_claim", "grown")
    event = sample_events.with_path(event, f"{CLAIMS}/{UPPER}")
    event["pathParameters"] = {"claimID": UPPER}
    assert claim_of(stage.request("update_capacity_claim", event))["status"]["allocatedInstances"] == 12
    shrunk = varied("shrunk", "update_capacity_claim", id=UPPER)
    assert claim_of(stage.request("update_capacity_claim", shrunk))["status"]["allocatedInstances"] == 2


def test_the_claim_of_the_published_example_is_accepted_and_returned_whole(stage: ClaimStage) -> None:
    given.waiting(stage)
    found = claim_of(stage.request_event("get_capacity_claim", "found"))
    assert found["spec"] == {
        "id": CLAIM_ID,
        "name": "inference",
        "resources": {
            "instanceId": "gb300-4x",
            "instanceCount": 10,
            "zones": ["us-chi-1", "uk-lon-1"],
            "capacityType": "CAPACITY_TYPE_CUSTOMER",
        },
        "organizationId": ORGANIZATION,
    }
    status = found["status"]
    assert [(c["type"], c["zone"], c["status"], c["reason"]) for c in status["conditions"]] == [
        ("Allocated", "us-chi-1", "False", "WaitingForOlderClaims"),
        ("Allocated", "uk-lon-1", "False", "WaitingForOlderClaims"),
        ("Progressing", "", "True", "InstancesPending"),
    ]
    assert (status["allocatedInstances"], status["pendingInstances"]) == (0, 10)


def test_a_claims_statuses_are_only_the_published_ones(stage: ClaimStage) -> None:
    given.freed(stage)
    seen = [claim_of(stage.request_event("get_capacity_claim", "found"))["status"]["status"]]
    stage.run_event("fill_capacity_claims", "capacity_freed")
    seen.append(claim_of(stage.request_event("get_capacity_claim", "found"))["status"]["status"])
    seen.append(claim_of(stage.request_event("update_capacity_claim", "moved"))["status"]["status"])
    stage.calm()
    seen.append(claim_of(stage.request_event("get_capacity_claim", "found"))["status"]["status"])
    seen.append(claim_of(stage.request_event("delete_capacity_claim", "accepted"))["status"]["status"])
    seen.append(claim_of(stage.request_event("get_capacity_claim", "found"))["status"]["status"])
    stage.calm()
    assert [status.removeprefix("STATUS_") for status in seen] == [
        "CREATING",
        "READY",
        "UPDATING",
        "READY",
        "DELETING",
        "DELETING",
    ]
    assert stage.request_event("get_capacity_claim", "found").status == 404


def test_the_path_parameters_is_not_taken_for_an_id(stage: ClaimStage) -> None:
    sample(stage)
    answer = stage.request_event("list_capacity_claim_parameters", "all")
    assert answer.json == {
        "zoneInstanceTypes": {
            "uk-lon-1": {"instanceIds": ["gb300-4x"]},
            "us-chi-1": {"instanceIds": ["gb300-4x"]},
        }
    }
    # If the gateway routed it to the claims, no claim would have that id.
    event = sample_events.read("get_capacity_claim", "id_malformed")
    event["pathParameters"] = {"claimID": "parameters"}
    event = event | {"path": f"{CLAIMS}/parameters"}
    assert stage.request("get_capacity_claim", event).status == 404


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (["2026-05-28T20:26:39Z"], True),
        (["2026-05-28T20:26:40.5Z"], False),
        (["2026-05-28T20:26:41Z"], False),
        (["2026-05-28t20:26:40.000000999z"], True),
        (["2026-05-28t20:26:40.123456789z"], False),
        (["2026-05-28T22:26:40+02:00"], True),
        (["2026-05-28T22:26:40 02:00"], True),
        (["9999-12-31T23:59:59Z"], False),
        (["9999-12-31T23:59:59-08:00"], False),
        (["0001-01-01T00:00:00Z"], True),
        (["0001-01-01T00:00:00+01:00"], True),
        (["2016-12-31T23:59:60Z"], True),
        (["2026-05-31T23:59:60.5Z"], False),
        ([], True),
    ],
    ids=str,
)
def test_updated_after_is_exclusive_and_accepts_every_format_of_rfc_3339(
    stage: ClaimStage, after: list[str], *, found: bool
) -> None:
    given.claimed(stage)
    updated = claim_records(stage.db)
    assert len(updated) == 1
    event = sample_events.read("list_capacity_claims", "all")
    query = {"updatedAfter": after} if after else {}
    answer = stage.request("list_capacity_claims", sample_events.with_query(event, **query))
    assert answer.status == 200, answer
    assert [claim["spec"]["id"] for claim in answer.json["capacityClaims"]] == ([CLAIM_ID] if found else [])


@pytest.mark.parametrize(
    "after",
    [
        ["yesterday"],
        [""],
        ["2026-05-28"],
        ["2026-05-28T20:26:40"],
        ["2026-W22-4T20:26:40Z"],
        ["20260528T202640Z"],
        ["2026-13-28T20:26:40Z"],
        ["2026-05-28T20:26:60Z"],
        ["٢٠٢٦-05-28T20:26:40Z"],
    ],
    ids=str,
)
def test_any_other_text_is_not_a_time(stage: ClaimStage, after: list[str]) -> None:
    given.claimed(stage)
    event = sample_events.with_query(sample_events.read("list_capacity_claims", "all"), updatedAfter=after)
    assert violations(stage.request("list_capacity_claims", event)) == ["updated_after"]


def test_updated_after_may_be_given_only_once(stage: ClaimStage) -> None:
    given.claimed(stage)
    twice = ["2026-05-28T20:26:39Z"] * 2
    event = sample_events.with_query(sample_events.read("list_capacity_claims", "all"), updatedAfter=twice)
    assert violations(stage.request("list_capacity_claims", event)) == ["query updatedAfter"]


def test_the_pages_of_a_list_together_are_the_whole_list(stage: ClaimStage) -> None:
    sample(stage)
    for name in ("a", "b", "c"):
        claim_of(stage.claim("accepted_minimal", name=name, instanceCount=1))
    event = sample_events.read("list_capacity_claims", "all")
    whole = stage.request("list_capacity_claims", event)
    first = stage.request("list_capacity_claims", sample_events.with_query(event, limit=["2"]))
    query = parse_qs(first.headers["link"].removeprefix("<?").removesuffix('>; rel="next"'))
    second = stage.request("list_capacity_claims", sample_events.with_query(event, **query))
    assert first.json["capacityClaims"] + second.json["capacityClaims"] == whole.json["capacityClaims"]
    assert len(second.json["capacityClaims"]) == 1
    assert "link" not in second.headers
    foreign = stage.request("list_capacity_claims", sample_events.with_query(event, **query), "stranger")
    assert violations(foreign) == ["cursor"]
    narrowed = sample_events.with_query(event, **query, updatedAfter=["2026-05-28T20:26:39Z"])
    assert violations(stage.request("list_capacity_claims", narrowed)) == ["cursor"]
    wrong = sample_events.with_query(event, limit=["1001"])
    assert violations(stage.request("list_capacity_claims", wrong)) == ["limit"]


def test_members_read_their_organizations_limit_and_its_use(stage: ClaimStage) -> None:
    given.claimed_and_limited(stage)
    limited = {"organizationId": ORGANIZATION, "subject": "instances", "limit": 11, "used": 10}
    assert stage.request_event("list_capacity_claim_quotas", "all").json == {"quotas": [limited]}
    event = sample_events.read("list_capacity_claim_quotas", "all")
    assert stage.request("list_capacity_claim_quotas", event, "stranger").json == {"quotas": []}
