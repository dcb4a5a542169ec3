"""What a read shows of what was sent: clients compare the two and report every difference."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import pytest

from testkit.handlers import sample_events
from testkit.handlers.sample_events import SAMPLE_ID

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

NETWORK: Final = "5ef0be1c-32d3-4438-ba8b-b8ed78e08639"
MINIMAL: Final[dict[str, Any]] = {
    "count": 1,
    "constraints": {"policy": "pack"},
    "serverSpec": {"imageId": "ubuntu-24.04"},
}
TERRAFORM: Final[dict[str, Any]] = {
    "count": 1,
    "constraints": {"policy": "pack"},
    "serverSpec": {
        "imageId": "d5c7154a-b317-4870-b087-159892dcf137",
        "networking": {
            "allowedSourceAddresses": [],
            "publicIP": False,
            "securityGroups": ["95668f5b-f0c8-4763-96ab-b55e0bafa708"],
        },
    },
}
SPECS: Final[dict[str, dict[str, Any]]] = {
    "minimal": MINIMAL,
    "as Terraform sends it": TERRAFORM,
    "spread, nothing else": MINIMAL | {"constraints": {"policy": "spread"}},
    "spread, all": MINIMAL
    | {"constraints": {"policy": "spread", "maxSkew": 1, "minDomains": 1, "whenUnsatisfiable": "fail"}},
    "readiness": MINIMAL | {"readinessPolicy": {"mode": "Prefer"}},
    "empty networking": MINIMAL | {"serverSpec": {"imageId": "x", "networking": {}}},
    "public address": MINIMAL | {"serverSpec": {"imageId": "x", "networking": {"publicIP": True}}},
    "prefixes as written": MINIMAL
    | {
        "serverSpec": {
            "imageId": "x",
            "networking": {"allowedSourceAddresses": ["10.0.0.1", "10.1.2.3/8", "2001:DB8::/32"]},
        }
    },
    "user data": MINIMAL | {"serverSpec": {"imageId": "x", "userData": "I2Nsb3VkLWNvbmZpZwo="}},
    "empty user data": MINIMAL | {"serverSpec": {"imageId": "x", "userData": ""}},
    "an SSH authority": MINIMAL | {"serverSpec": {"imageId": "x", "sshCertificateAuthorityId": "team"}},
    "manual, said": MINIMAL | {"updateStrategy": {"type": "Manual"}},
    "rolling": MINIMAL | {"updateStrategy": {"type": "RollingUpdate"}},
    "rolling, empty": MINIMAL | {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {}}},
    "rolling, a number": MINIMAL
    | {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "007"}}},
    "rolling, a share": MINIMAL
    | {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}},
}


def create(stage: Stage, spec: dict[str, Any], **metadata: Any) -> Answer:
    body = {
        "metadata": {"name": "workers"} | metadata,
        "spec": {"reservationId": SAMPLE_ID, "networkId": NETWORK, **spec},
    }
    event = sample_events.with_body(sample_events.read("create_placement", "full"), body)
    return stage.request("create_placement", event)


def get(stage: Stage, identity: str) -> Answer:
    event = sample_events.read("get_placement", "found")
    return stage.request("get_placement", _to(event, identity))


def put(stage: Stage, identity: str, spec: dict[str, Any]) -> Answer:
    event = sample_events.with_body(
        sample_events.read("update_placement", "image"), {"metadata": {"name": "other"}, "spec": spec}
    )
    return stage.request("update_placement", _to(event, identity))


def _to(event: dict[str, Any], identity: str) -> dict[str, Any]:
    varied = copy.deepcopy(event)
    varied["pathParameters"] = {"placementID": identity}
    return varied


def expected(spec: dict[str, Any]) -> dict[str, Any]:
    """The same, with the one default that a read shows."""
    return {"updateStrategy": {"type": "Manual"}} | spec


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_is_read_back_exactly_as_it_was_sent(stage: Stage, name: str) -> None:
    made = create(stage, SPECS[name])
    assert made.status == 202, made

    shown = get(stage, made.json["metadata"]["id"]).json
    assert shown["spec"] == made.json["spec"] == expected(SPECS[name])
    assert (shown["status"]["reservationId"], shown["status"]["networkId"]) == (SAMPLE_ID, NETWORK)
    assert shown["status"]["regionId"] == "uk-lon-1"


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_that_was_read_can_be_sent_back_and_changes_nothing(stage: Stage, name: str) -> None:
    made = create(stage, SPECS[name]).json
    before = stage.db.dump()
    answer = put(stage, made["metadata"]["id"], made["spec"])

    assert answer.status == 200, answer
    assert answer.json == get(stage, made["metadata"]["id"]).json
    assert answer.json["status"]["statusCurrent"] is True
    assert stage.db.dump() == before


def test_an_image_that_is_a_uuid_is_read_back_in_lower_case(stage: Stage) -> None:
    image = "D5C7154A-B317-4870-B087-159892DCF137"
    made = create(stage, MINIMAL | {"serverSpec": {"imageId": image}}).json

    assert made["spec"]["serverSpec"] == {"imageId": image.lower()}


@pytest.mark.parametrize("description", ["", "for training"])
def test_a_description_is_read_back_and_an_absent_one_stays_absent(stage: Stage, description: str) -> None:
    assert create(stage, MINIMAL, description=description).json["metadata"]["description"] == description
    bare = create(stage, MINIMAL).json["metadata"]
    assert "description" not in bare
    assert "tags" not in bare


def test_tags_keep_their_order_and_may_be_empty_texts(stage: Stage) -> None:
    tags = [{"name": "b", "value": ""}, {"name": "", "value": "x"}, {"name": "a", "value": "é"}]

    assert create(stage, MINIMAL, tags=tags).json["metadata"]["tags"] == tags


def test_a_change_shows_no_counts_until_the_next_read(stage: Stage) -> None:
    made = create(stage, MINIMAL).json
    changed = put(stage, made["metadata"]["id"], MINIMAL | {"serverSpec": {"imageId": "rocky-9"}}).json

    assert changed["spec"] == expected(MINIMAL | {"serverSpec": {"imageId": "rocky-9"}})
    assert changed["status"]["statusCurrent"] is False
    assert not {"updatedHostCount", "driftedHostCount"} & set(changed["status"])
    assert changed["metadata"]["name"] == "workers"
    assert changed["metadata"]["modifiedBy"] == made["metadata"]["createdBy"]
    shown = get(stage, made["metadata"]["id"]).json
    assert shown["status"]["statusCurrent"] is True
    assert shown["status"]["driftedHostCount"] == 1


def test_a_refused_change_names_the_fields_and_changes_nothing(stage: Stage) -> None:
    made = create(stage, TERRAFORM).json
    before = stage.db.dump()
    wanted = copy.deepcopy(made["spec"]) | {"count": 2}
    wanted["serverSpec"]["networking"]["publicIP"] = True
    answer = put(stage, made["metadata"]["id"], wanted)

    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["errors"]] == [
        "spec.count",
        "spec.serverSpec.networking",
    ]
    assert stage.db.dump() == before


def test_the_budget_of_a_rolling_update_is_shown_resolved(stage: Stage) -> None:
    spec = MINIMAL | {
        "count": 7,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}},
    }

    assert create(stage, spec).json["status"]["maxUnavailable"] == 2
    assert create(stage, MINIMAL).json["status"]["maxUnavailable"] == 0


def test_a_deleted_placement_shows_that_it_goes_and_since_when(stage: Stage) -> None:
    made = create(stage, MINIMAL).json["metadata"]["id"]
    event = _to(sample_events.read("delete_placement", "accepted"), made)
    assert [stage.request("delete_placement", event).status for _ in range(2)] == [202, 202]

    shown = get(stage, made).json["metadata"]
    assert shown["provisioningStatus"] == "deprovisioning"
    assert shown["provisioningStatusDetail"]["reason"] == "Deprovisioning"
    assert shown["deletionTime"]


def test_lists_are_cut_into_pages(stage: Stage) -> None:
    ids = sorted(create(stage, MINIMAL).json["metadata"]["id"] for _ in range(3))
    event = sample_events.with_query(sample_events.read("list_placements", "all"), limit=["2"])
    page = stage.request("list_placements", event)

    assert [placement["metadata"]["id"] for placement in page.json] == ids[:2]
    assert 'rel="next"' in page.headers["link"]
