"""The six methods of the Connect service: what they take, and what they answer."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import json_format

from testkit.auditor import audit
from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import sample
from testkit.handlers.claim_stage import CLAIM_ID, varied
from testkit.world import ORGANIZATION
from tests.capacity_claims.connect_client import FUNCTIONS, call, call_in_json, connect_event, message, read

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage

# As the published Terraform provider sends it: tf-a, 2 of gb300-4x, MANAGED, in us-chi-1.
CREATE: Final = bytes.fromhex("120474662d6122180a0867623330302d347810021803220875732d6368692d31")
GET: Final = b"\x0a\x24" + CLAIM_ID.encode()
RESOURCES: Final = {
    "instance_id": "gb300-4x",
    "instance_count": 10,
    "capacity_type": 2,
    "zones": ["us-chi-1", "uk-lon-1"],
}


def test_a_create_of_the_provider_is_answered_with_the_claim(stage: ClaimStage) -> None:
    sample(stage)
    answer = call(stage, "CreateCapacityClaim", CREATE)
    claim = read("CreateCapacityClaim", answer).capacity_claim
    assert answer.headers["cache-control"] == "no-cache"
    assert (claim.spec.name, claim.spec.organization_id) == ("tf-a", ORGANIZATION)
    assert (
        claim.spec.resources.SerializeToString().hex() == "0a0867623330302d347810021803220875732d6368692d31"
    )
    status = claim.status
    assert (status.status, status.allocated_instances, status.pending_instances) == (6, 2, 0)
    assert status.created_at.seconds == int(stage.clock.now())
    (listed,) = stage.request_event("list_capacity_claims", "all").json["capacityClaims"]
    assert status.updated_at.ToJsonString() == listed["status"]["updatedAt"]
    assert [(c.type, c.status, c.reason, c.zone, c.last_update_time) for c in status.conditions] == [
        ("Allocated", 2, "Allocated", "us-chi-1", status.created_at),
        ("Progressing", 1, "AllInstancesAllocated", "", status.created_at),
    ]
    assert audit(stage.db) == []


def test_both_encodings_and_the_rest_api_show_the_same_claim(stage: ClaimStage) -> None:
    given.claimed(stage)
    binary = read("GetCapacityClaim", call(stage, "GetCapacityClaim", GET))
    in_json = call_in_json(stage, "GetCapacityClaim", {"id": CLAIM_ID})
    assert (in_json.status, in_json.headers["content-type"]) == (200, "application/json")
    assert json_format.ParseDict(in_json.json, type(binary)()) == binary
    words = {"True": "STATUS_TRUE", "False": "STATUS_FALSE"}
    rest = stage.request_event("get_capacity_claim", "found").json
    for condition in rest["capacityClaim"]["status"]["conditions"]:
        condition["status"] = words[condition["status"]]
    assert in_json.json == rest


def test_a_claim_is_read_changed_listed_and_deleted(stage: ClaimStage) -> None:
    given.claimed(stage)
    sent = message("UpdateCapacityClaim", id=CLAIM_ID, resources=RESOURCES | {"instance_count": 200})
    assert b"\x10\xc8\x01" in sent, "octets beyond ASCII have to arrive"
    stage.clock.advance_ms(5)
    changed = read("UpdateCapacityClaim", call(stage, "UpdateCapacityClaim", sent)).capacity_claim
    assert changed.spec.resources.instance_count == 200
    listed = read("ListCapacityClaims", call(stage, "ListCapacityClaims"))
    assert list(listed.capacity_claims) == [changed]
    after = message("ListCapacityClaims", updated_after=changed.status.updated_at)
    assert not read("ListCapacityClaims", call(stage, "ListCapacityClaims", after)).capacity_claims
    changed.status.updated_at.nanos -= 1000
    before = message("ListCapacityClaims", updated_after=changed.status.updated_at)
    assert len(read("ListCapacityClaims", call(stage, "ListCapacityClaims", before)).capacity_claims) == 1
    gone = read(
        "DeleteCapacityClaim", call(stage, "DeleteCapacityClaim", message("DeleteCapacityClaim", id=CLAIM_ID))
    )
    assert gone.capacity_claim.status.status == 3
    stage.calm()
    last = call(stage, "GetCapacityClaim", GET)
    assert (last.status, last.json["code"]) == (404, "not_found")
    assert audit(stage.db) == []


def test_the_parameters_are_a_map_of_zones(stage: ClaimStage) -> None:
    sample(stage)
    found = read("GetCapacityClaimParameters", call(stage, "GetCapacityClaimParameters")).zone_instance_types
    rest = stage.request_event("list_capacity_claim_parameters", "all").json["zoneInstanceTypes"]
    assert {zone: {"instanceIds": list(types.instance_ids)} for zone, types in found.items()} == rest
    assert rest


def test_a_request_may_be_compressed(stage: ClaimStage) -> None:
    sample(stage)
    halves = gzip.compress(CREATE[:9]) + gzip.compress(CREATE[9:])
    first = call(stage, "CreateCapacityClaim", gzip.compress(CREATE), content_encoding="gzip")
    # A repeat within three minutes returns the same claim.
    again = call(stage, "CreateCapacityClaim", halves, content_encoding="GZIP")
    assert read("CreateCapacityClaim", again) == read("CreateCapacityClaim", first)
    nothing = call(stage, "ListCapacityClaims", b"", content_encoding="gzip")
    assert len(read("ListCapacityClaims", nothing).capacity_claims) == 1
    plain = call(stage, "ListCapacityClaims", b"", content_encoding="identity")
    assert plain.octets == nothing.octets


def test_a_repeat_over_the_other_protocol_is_the_same_claim(stage: ClaimStage) -> None:
    sample(stage)
    made = read("CreateCapacityClaim", call(stage, "CreateCapacityClaim", CREATE)).capacity_claim
    event = varied(
        "accepted_minimal",
        name="tf-a",
        instanceCount=2,
        zones=["us-chi-1"],
        capacityType="CAPACITY_TYPE_MANAGED",
    )
    again = stage.request("create_capacity_claim", event)
    assert again.json["capacityClaim"]["spec"]["id"] == made.spec.id


def test_an_idempotency_key_and_an_organization_in_a_header_count_as_elsewhere(stage: ClaimStage) -> None:
    sample(stage)
    unnamed = message("CreateCapacityClaim", resources=RESOURCES)
    first = call(
        stage, "CreateCapacityClaim", unnamed, idempotency_key="once", x_organization_id=ORGANIZATION
    )
    again = call(stage, "CreateCapacityClaim", unnamed, idempotency_key="once")
    assert read("CreateCapacityClaim", first) == read("CreateCapacityClaim", again)
    foreign = call(stage, "CreateCapacityClaim", unnamed, x_organization_id="somebody-else")
    assert (foreign.status, foreign.json["code"]) == (403, "permission_denied")


def test_spelling_and_order_of_zones_come_back_as_they_were_sent(stage: ClaimStage) -> None:
    sample(stage)
    wanted = RESOURCES | {"zones": ["UK-LON-1", "us-chi-1"], "instance_id": "GB300-4x", "instance_count": 1}
    made = read(
        "CreateCapacityClaim",
        call(stage, "CreateCapacityClaim", message("CreateCapacityClaim", name="a", resources=wanted)),
    )
    resources = made.capacity_claim.spec.resources
    assert (resources.instance_id, list(resources.zones)) == ("GB300-4x", ["UK-LON-1", "us-chi-1"])
    assert made.capacity_claim.status.conditions[0].zone == "UK-LON-1"


def test_a_claim_of_the_former_type_is_shown_and_changed_as_a_managed_one(stage: ClaimStage) -> None:
    sample(stage)
    assert stage.claim("full", capacityType="CAPACITY_TYPE_SERVERLESS").status == 200
    shown = read("GetCapacityClaim", call(stage, "GetCapacityClaim", GET))
    assert shown.capacity_claim.spec.resources.capacity_type == 3
    resources = RESOURCES | {"capacity_type": 3, "instance_count": 11}
    sent = message("UpdateCapacityClaim", id=CLAIM_ID, resources=resources)
    changed = read("UpdateCapacityClaim", call(stage, "UpdateCapacityClaim", sent)).capacity_claim
    assert (changed.spec.resources.capacity_type, changed.spec.resources.instance_count) == (3, 11)
    spec = stage.request_event("get_capacity_claim", "found").json["capacityClaim"]["spec"]
    assert spec["resources"]["capacityType"] == "CAPACITY_TYPE_SERVERLESS"


def test_json_may_have_the_other_names_and_forms_of_protocol_buffers(stage: ClaimStage) -> None:
    sample(stage)
    sent = {
        "name": "a",
        "id": None,
        "unknown": [1],
        "resources": {
            "instance_id": "gb300-4x",
            "instance_count": "2",
            "capacity_type": 3,
            "zones": ["us-chi-1"],
        },
    }
    made = call_in_json(stage, "CreateCapacityClaim", sent)
    assert made.json["capacityClaim"]["spec"]["resources"] == {
        "instanceId": "gb300-4x",
        "instanceCount": 2,
        "capacityType": "CAPACITY_TYPE_MANAGED",
        "zones": ["us-chi-1"],
    }
    text = json.dumps(sent).encode()
    declared = call(stage, "CreateCapacityClaim", text, content_type="Application/JSON; charset=UTF-8")
    assert declared.json == made.json


def test_a_list_that_is_too_large_asks_for_a_time(stage: ClaimStage, monkeypatch: pytest.MonkeyPatch) -> None:
    given.claimed(stage)
    assert read("CreateCapacityClaim", call(stage, "CreateCapacityClaim", CREATE))
    monkeypatch.setattr("gpu_capacity.http.pages.ANSWER_BYTES_MAX", 10)
    answer = call(stage, "ListCapacityClaims")
    assert (answer.status, answer.json["code"]) == (400, "invalid_argument")
    assert answer.json["details"][0]["debug"]["fieldViolations"][0]["field"] == "updated_after"


@pytest.mark.parametrize(("version", "timeout"), [("1", "1799999"), (None, None), ("1", "0")])
def test_headers_of_the_protocol_may_be_there(
    stage: ClaimStage, version: str | None, timeout: str | None
) -> None:
    sample(stage)
    headers = {"connect-protocol-version": version, "connect-timeout-ms": timeout}
    assert call(stage, "ListCapacityClaims", headers=headers).status == 200


@pytest.mark.parametrize("method", FUNCTIONS)
def test_a_method_needs_the_permission_of_its_operation(stage: ClaimStage, method: str) -> None:
    given.claimed(stage)
    sent = message(method, **({"id": CLAIM_ID} if method.startswith(("Delete", "Update")) else {}))
    writes = method.startswith(("Create", "Update", "Delete"))
    for profile, refused in (("reader", writes), ("powerless", True)):
        answer = call(stage, method, sent, profile)
        assert (answer.status == 403) == refused
        assert not refused or answer.json["code"] == "permission_denied"
    nobody = stage.request(FUNCTIONS[method], connect_event(method, sent, authorization=None))
    assert (nobody.status, nobody.json["code"]) == (401, "unauthenticated")
    assert nobody.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("method", ["GetCapacityClaim", "UpdateCapacityClaim", "DeleteCapacityClaim"])
def test_a_foreign_claim_is_as_absent_as_an_unknown_one(stage: ClaimStage, method: str) -> None:
    given.claimed(stage)
    answers: list[Any] = []
    for claim_id, profile in ((CLAIM_ID, "stranger"), (f"{CLAIM_ID[:-4]}0000", "member")):
        content = {"id": claim_id} | ({"resources": RESOURCES} if method.startswith("Update") else {})
        answer = call(stage, method, message(method, **content), profile)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        answers.append(answer.text.replace(claim_id, "ID"))
    without_values = [json.loads(text) | {"details": []} for text in answers]
    assert without_values[0] == without_values[1]


def test_a_request_is_logged_under_its_operation(stage: ClaimStage) -> None:
    given.claimed(stage)
    call(stage, "GetCapacityClaim", GET)
    line = stage.log_lines[-1]
    request = line["request"]
    assert (request["operation"], request["status"], request["organization"]) == (
        "get_capacity_claim",
        200,
        ORGANIZATION,
    )
    assert line["trace_id"] == sample_events.TRACE_ID
