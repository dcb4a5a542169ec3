"""Access: every operation for every kind of caller; refusals reveal nothing about resources of others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.hostile.forgeries import FORGERIES, expired
from testkit.hostile.requests import ASKS, EXPECTED, PUBLIC, STRANGERS
from testkit.hostile.service import (
    ABSENT,
    CLAIMS,
    HIDDEN,
    PEOPLE,
    RESERVATIONS,
    UNITS,
    Ask,
    Service,
    claim_body,
    reservation_body,
)
from testkit.hostile.vm_requests import VM_ASKS
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer


def _authorization(service: Service, stranger: str) -> str | None:
    authority = service.stage.authority
    if stranger == "none":
        return None
    return f"Bearer {expired(authority) if stranger == 'expired' else FORGERIES[stranger](authority)}"


def test_every_operation_is_in_the_matrix() -> None:
    assert {name.partition(" ")[0] for name in (*ASKS, *VM_ASKS)} == set(OPERATIONS)
    assert set(EXPECTED) == set(ASKS)
    assert len(FORGERIES) == 8


@pytest.mark.parametrize("operation", ASKS)
@pytest.mark.parametrize("person", PEOPLE)
def test_each_caller_may_do_exactly_what_the_matrix_says(
    service: Service, operation: str, person: str
) -> None:
    before = service.db.dump()
    answer = service.sent_by(service.named(ASKS[operation]), person)
    assert answer.status == EXPECTED[operation][list(PEOPLE).index(person)], answer
    if answer.status >= 400:
        assert service.db.dump() == before


@pytest.mark.parametrize("operation", ASKS)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_every_operation_requires_a_valid_token(service: Service, operation: str, stranger: str) -> None:
    before = service.db.dump()
    answer = service.send(service.named(ASKS[operation]), _authorization(service, stranger))
    assert answer.status == (200 if operation in PUBLIC else 401), answer
    assert ("www-authenticate" in answer.headers) == (operation not in PUBLIC)
    assert service.db.dump() == before


def test_a_caller_who_is_refused_does_not_learn_whether_the_resource_exists(service: Service) -> None:
    for method, path in (
        ("GET", RESERVATIONS),
        ("DELETE", RESERVATIONS),
        ("GET", CLAIMS),
        ("DELETE", CLAIMS),
    ):
        thing = "reservation of owner" if path == RESERVATIONS else "claim of owner"
        for stranger in STRANGERS:
            there, absent = (
                service.send(Ask(method, f"{path}/{last}"), _authorization(service, stranger))
                for last in (service.ids[thing], ABSENT)
            )
            assert there == absent


# Resources of others


THINGS: Final = {
    "GET reservation": Ask("GET", RESERVATIONS),
    "GET reservation, organization named": Ask(
        "GET", RESERVATIONS, query=(("organizationID", STRANGERS_ORGANIZATION),)
    ),
    "DELETE reservation": Ask("DELETE", RESERVATIONS),
    "DELETE reservation, organization named": Ask(
        "DELETE", RESERVATIONS, query=(("organizationID", STRANGERS_ORGANIZATION),)
    ),
    "GET claim": Ask("GET", CLAIMS),
    "DELETE claim": Ask("DELETE", CLAIMS),
    "PATCH claim": Ask("PATCH", CLAIMS, json.dumps(claim_body(instanceCount=2))),
    "PATCH claim, same": Ask("PATCH", CLAIMS, json.dumps(claim_body())),
    "PATCH claim, forbidden change": Ask("PATCH", CLAIMS, json.dumps(claim_body(instanceId="other"))),
    "PATCH claim, unknown zone": Ask("PATCH", CLAIMS, json.dumps(claim_body(zones=["nowhere"]))),
    "PATCH claim, no zones": Ask("PATCH", CLAIMS, json.dumps(claim_body(zones=[]))),
    "PATCH claim, not JSON": Ask("PATCH", CLAIMS, "{"),
}


def _looked(service: Service, ask: Ask, person: str) -> tuple[Answer, object]:
    """The response and the number of database calls, because response times reveal things, too."""
    before = dict(service.db.requests)
    answer = service.sent_by(ask, person)
    calls = {name: count - before.get(name, 0) for name, count in service.db.requests.items()}
    return answer, calls


def _nameless(answer: Answer, sent: str) -> Answer:
    """The response without the id that was sent: some refusals repeat it."""
    return replace(answer, text=answer.text.replace(sent, "ID"))


@pytest.mark.parametrize("what", THINGS)
@pytest.mark.parametrize("person", ["owner", "other project", "reader"])
def test_a_foreign_id_is_answered_like_one_that_does_not_exist(
    service: Service, what: str, person: str
) -> None:
    ask = THINGS[what]
    kind = "reservation" if ask.path == RESERVATIONS else "claim"
    foreign = service.ids[f"{kind} of other organization"]
    before = service.db.dump()
    # One call first, so that both of the compared calls find the same caches.
    service.sent_by(ask.to(f"{ask.path}/{ABSENT}"), person)
    absent, absent_calls = _looked(service, ask.to(f"{ask.path}/{ABSENT}"), person)
    there, there_calls = _looked(service, ask.to(f"{ask.path}/{foreign}"), person)
    assert _nameless(there, foreign) == _nameless(absent, ABSENT)
    assert there_calls == absent_calls
    assert absent.status in {400, 403, 404}
    assert service.db.dump() == before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_reservation_of_another_project_is_answered_like_one_that_does_not_exist(
    service: Service, method: str
) -> None:
    ask = Ask(method, RESERVATIONS)
    absent = _looked(service, ask.to(f"{RESERVATIONS}/{ABSENT}"), "owner")
    foreign = service.ids["reservation of other project"]
    assert _looked(service, ask.to(f"{RESERVATIONS}/{foreign}"), "owner") == absent
    assert absent[0].status == 404


@pytest.mark.parametrize("thing", ["reservation of owner", "claim of owner"])
@pytest.mark.parametrize("spelling", ["{}%0a", "{{{}}}", "urn:uuid:{}", " {}", "{}/"])
def test_an_id_in_another_spelling_is_not_an_id(service: Service, thing: str, spelling: str) -> None:
    base = RESERVATIONS if thing.startswith("reservation") else CLAIMS
    before = service.db.dump()
    for identity in (spelling.format(service.ids[thing]), service.ids[thing].replace("-", "")):
        for method in ("GET", "DELETE"):
            assert service.sent_by(Ask(method, f"{base}/{identity}"), "owner").status in {404, 405}
    assert service.db.dump() == before


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_an_operator_cannot_tell_a_claim_from_a_missing_one(service: Service, method: str) -> None:
    body = json.dumps(claim_body()) if method == "PATCH" else None
    foreign, absent = (
        _nameless(service.sent_by(Ask(method, f"{CLAIMS}/{last}", body), "operator"), last)
        for last in (service.ids["claim of owner"], ABSENT)
    )
    assert foreign == absent


@pytest.mark.parametrize("person", PEOPLE)
def test_lists_show_only_what_the_caller_may_see(service: Service, person: str) -> None:
    seen = {r["metadata"]["id"] for r in service.sent_by(Ask("GET", RESERVATIONS), person).json}
    mine = {"reader": "owner", "operator": "nobody"}.get(person, person)
    assert seen == {i for name, i in service.ids.items() if name == f"reservation of {mine}"}
    claims = service.sent_by(Ask("GET", CLAIMS), person).json["capacityClaims"]
    organization = {"reader": "owner", "other project": "owner", "operator": "nobody"}.get(person, person)
    assert {c["spec"]["id"] for c in claims} == {
        i for name, i in service.ids.items() if name == f"claim of {organization}"
    }


def test_a_list_of_a_foreign_organization_equals_that_of_one_that_does_not_exist(service: Service) -> None:
    answers = [
        _looked(service, Ask("GET", RESERVATIONS, query=(("organizationID", organization),)), "owner")
        for organization in (STRANGERS_ORGANIZATION, "no-such-organization")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0].json == []


@pytest.mark.parametrize("person", ["owner", "other organization"])
def test_a_hidden_region_is_answered_like_one_that_does_not_exist(service: Service, person: str) -> None:
    organization = PEOPLE[person].get("organizations", [ORGANIZATION])[0]
    changes = {"organizationId": organization}
    if person != "owner":
        changes["projectId"] = PEOPLE[person]["projects"][0]
    for path, bodies in (
        (RESERVATIONS, [reservation_body(regionId=region, **changes) for region in (HIDDEN, "us-abs-1")]),
        (CLAIMS, [claim_body(zones=[zone]) for zone in (HIDDEN, "us-abs-1")]),
    ):
        hidden, absent = (service.sent_by(Ask("POST", path, json.dumps(body)), person) for body in bodies)
        assert hidden == absent
        assert hidden.status == (404 if path == RESERVATIONS else 400)
    assert HIDDEN not in service.sent_by(Ask("GET", UNITS), person).text
    assert HIDDEN not in service.sent_by(Ask("GET", f"{CLAIMS}/parameters"), person).text


def test_the_id_of_a_foreign_claim_is_free_to_use_and_reveals_nothing(service: Service) -> None:
    foreign = service.ids["claim of other organization"]
    theirs = Ask("GET", f"{CLAIMS}/{foreign}")
    before = service.sent_by(theirs, "other organization")
    made = service.sent_by(Ask("POST", CLAIMS, json.dumps(claim_body(id=foreign, name="new"))), "owner")
    assert made.status == 200
    assert made.json["capacityClaim"]["spec"]["organizationId"] == ORGANIZATION
    assert service.sent_by(theirs, "other organization") == before


def test_an_idempotency_key_of_another_organization_is_free_to_use(service: Service) -> None:
    body = json.dumps(reservation_body())
    key = (("idempotency-key", "the-same"),)
    mine = service.sent_by(Ask("POST", RESERVATIONS, body, headers=key), "owner")
    theirs = service.sent_by(Ask("POST", RESERVATIONS, body, headers=key), "other project")
    assert (mine.status, theirs.status) == (202, 403)
    again = service.sent_by(Ask("POST", RESERVATIONS, body, headers=key), "owner")
    assert again.json["metadata"]["id"] == mine.json["metadata"]["id"]
