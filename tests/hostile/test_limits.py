"""Every limit is exact: a value at the limit is accepted, and one beyond it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from testkit.hostile.bad import CLAIM, RESERVATION, put
from testkit.hostile.service import CLAIMS, RESERVATIONS, Ask, Service
from testkit.world import ORGANIZATION, REGION

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer

BODY_BYTES_MAX = 65_536
CREATE = Ask("POST", RESERVATIONS, json.dumps(RESERVATION))
CLAIMING = Ask("POST", CLAIMS, json.dumps(CLAIM))


def _sent(service: Service, ask: Ask, **changes: Any) -> Answer:
    return service.sent_by(replace(ask, **changes), "owner")


@pytest.mark.parametrize(("ask", "taken"), [(CREATE, 202), (CLAIMING, 200)], ids=["reservations", "claims"])
def test_a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger(
    service: Service, ask: Ask, taken: int
) -> None:
    assert ask.body is not None
    filler = " " * (BODY_BYTES_MAX - len(ask.body))
    assert _sent(service, ask, body=ask.body + filler).status == taken
    assert _sent(service, ask, body=ask.body + filler + " ").status == 413


@pytest.mark.parametrize(("length", "status"), [(2048, 202), (2049, 400)])
def test_a_description_has_4096_bytes_and_is_shown_as_it_was_sent(
    service: Service, length: int, status: int
) -> None:
    text = "ä" * length
    body = json.dumps(put(RESERVATION, "metadata.description", text), ensure_ascii=False)
    made = _sent(service, CREATE, body=body)
    assert made.status == status
    if status == 202:
        path = f"{RESERVATIONS}/{made.json['metadata']['id']}"
        assert _sent(service, Ask("GET", path)).json["metadata"]["description"] == text
    else:
        assert "metadata.description" in made.json["error_description"]


@pytest.mark.parametrize(
    ("count", "name", "value", "status"),
    [
        (50, 128, 256, 202),
        (51, 1, 1, 400),
        (1, 129, 1, 400),
        (1, 1, 257, 400),
    ],
)
def test_there_are_50_tags_of_128_and_256_bytes_and_they_are_found_again(
    service: Service, count: int, name: int, value: int, status: int
) -> None:
    tags = [{"name": f"{number:0>{name}}"[:name], "value": "v" * value} for number in range(count)]
    made = _sent(service, CREATE, body=json.dumps(put(RESERVATION, "metadata.tags", tags)))
    assert made.status == status
    if status == 202:
        assert made.json["metadata"]["tags"] == tags
        last = f"{tags[-1]['name']}={tags[-1]['value']}"
        found = _sent(service, Ask("GET", RESERVATIONS, query=(("tag", last),)))
        assert [one["metadata"]["id"] for one in found.json] == [made.json["metadata"]["id"]]
    else:
        assert "metadata.tags" in made.json["error_description"]


@pytest.mark.parametrize("name", ["a", "a" * 63, "A-_.z"])
def test_a_name_of_a_reservation_has_1_to_63_characters(service: Service, name: str) -> None:
    assert _sent(service, CREATE, body=json.dumps(put(RESERVATION, "metadata.name", name))).status == 202


@pytest.mark.parametrize("name", ["a", "a" * 63, "A-z"])
def test_a_name_of_a_claim_has_1_to_63_characters(service: Service, name: str) -> None:
    assert _sent(service, CLAIMING, body=json.dumps(put(CLAIM, "name", name))).status == 200


@pytest.mark.parametrize(
    ("count", "status"), [(8, 202), (9, 507), (128, 507), (129, 400), (2_147_483_648, 400)]
)
def test_a_count_may_be_what_a_pod_has_and_is_at_most_128(service: Service, count: int, status: int) -> None:
    _free_everything(service)
    assert _sent(service, CREATE, body=json.dumps(put(RESERVATION, "spec.count", count))).status == status


@pytest.mark.parametrize(("count", "status"), [(1, 200), (4_000, 200), (4_001, 400), (0, 400)])
def test_a_claim_has_1_to_4000_instances(service: Service, count: int, status: int) -> None:
    body = json.dumps(put(CLAIM, "resources.instanceCount", count))
    assert _sent(service, CLAIMING, body=body).status == status


@pytest.mark.parametrize(("length", "status"), [(1, 202), (255, 202), (256, 400)])
def test_an_idempotency_key_has_1_to_255_characters(service: Service, length: int, status: int) -> None:
    headers = (("idempotency-key", "~" * length),)
    assert _sent(service, CREATE, headers=headers).status == status


@pytest.mark.parametrize(("organizations", "status"), [(1, 200), (50, 200), (51, 401)])
def test_a_token_names_up_to_50_organizations(service: Service, organizations: int, status: int) -> None:
    names = [ORGANIZATION, *(f"organization-{number}" for number in range(organizations - 1))]
    token = service.token("owner", organizations=names)
    assert service.send(Ask("GET", RESERVATIONS), f"Bearer {token}").status == status


@pytest.mark.parametrize(("length", "status"), [(64, 200), (255, 200), (256, 400)])
def test_operators_reach_each_organization_that_a_token_can_name(
    service: Service, length: int, status: int
) -> None:
    """The published APIs allow 63 characters in a path; tokens name organizations of up to 255."""
    organization = "o" * length
    quotas = Ask("PUT", f"/operator/v1/organizations/{organization}/quotas/GB300", json.dumps({"limit": 9}))
    assert service.sent_by(quotas, "operator").status == status
    if status != 200:
        return
    body = json.dumps(put(RESERVATION, "spec.organizationId", organization))
    made = service.send(
        Ask("POST", RESERVATIONS, body), f"Bearer {service.token('owner', organizations=[organization])}"
    )
    holder = f"/operator/v1/organizations/{organization}/holders/reservation/{made.json['metadata']['id']}"
    assert service.sent_by(Ask("GET", holder), "operator").status == 200
    reason = json.dumps({"reason": "abandoned"})
    assert service.sent_by(Ask("POST", f"{holder}/force-delete", reason), "operator").status == 202


@pytest.mark.parametrize(("seconds", "status"), [(10**9, 200), (10**9 + 1, 400), (10**39, 400)])
def test_a_maintenance_is_forced_after_at_most_1000000000_seconds(
    service: Service, seconds: int, status: int
) -> None:
    body = {
        "regionId": REGION,
        "targets": [{}],
        "startTime": "2027-01-01T00:00:00Z",
        "endTime": "2099-01-02T00:00:00Z",
        "reason": "new cables",
        "forceAfterSeconds": seconds,
    }
    plan = Ask("POST", "/operator/v1/maintenances", json.dumps(body), query=(("dryRun", "true"),))
    assert service.sent_by(plan, "operator").status == status


def _free_everything(service: Service) -> None:
    """Remove every owner of parts of the first pod."""
    for item in list(service.db.dump()["inventory"]):
        if any(name.startswith("d") and name[1:].isdecimal() for name in item):
            freed = {n: v for n, v in item.items() if not (n.startswith("d") and n[1:].isdecimal())}
            service.db.put_item(TableName="inventory", Item=freed)
