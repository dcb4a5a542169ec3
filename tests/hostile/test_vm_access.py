"""Access to VMs: every operation for every kind of caller; refusals reveal nothing about others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.hostile.forgeries import FORGERIES, expired
from testkit.hostile.requests import ASKS
from testkit.hostile.requests import PUBLIC as PUBLIC_OF_OTHERS
from testkit.hostile.service import ABSENT, Ask
from testkit.hostile.vm_requests import EXPECTED, MADE_UP, PUBLIC, STRANGERS, VM_ASKS, WHO
from testkit.hostile.vm_service import (
    HIDDEN_NODE,
    HIDDEN_REGION,
    KEYS,
    PRICING,
    QUOTES,
    SEARCH,
    VMS,
    VmService,
    quote_body,
    vm_body,
)

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer

WHY: Final = {
    "none": "a bearer token is required",
    "expired": "the access token has expired",
    "revoked key": "the API key is not known",
    "made-up key": "the API key is not known",
    **dict.fromkeys(MADE_UP.keys() - {"made-up key"}, "the API key is malformed"),
    "forged: not signed": "the access token is signed by an algorithm that is not accepted",
    "forged: public key as a secret": "the access token is signed by an algorithm that is not accepted",
    "forged: a key of another name": "the access token is signed by a key that the issuer does not publish",
    "forged: of another issuer": "the access token is of another issuer",
    **dict.fromkeys(
        (
            "forged: signature cut off",
            "forged: another key under the same name",
            "forged: a key that it brings along",
            "forged: rights added after signing",
        ),
        "the signature of the access token does not verify",
    ),
}


def _authorization(service: VmService, stranger: str) -> str | None:
    authority = service.stage.authority
    if stranger == "none":
        return None
    if stranger in MADE_UP or stranger in service.keys:
        return f"Bearer {MADE_UP.get(stranger) or service.keys[stranger]}"
    return f"Bearer {expired(authority) if stranger == 'expired' else FORGERIES[stranger](authority)}"


def test_every_response_of_the_matrix_is_expected() -> None:
    assert set(EXPECTED) == set(VM_ASKS)
    assert {len(row) for row in EXPECTED.values()} == {len(WHO)}
    assert len(FORGERIES) == 8


@pytest.mark.parametrize("operation", VM_ASKS)
@pytest.mark.parametrize("person", WHO)
def test_each_caller_may_do_exactly_what_the_matrix_says(vms: VmService, operation: str, person: str) -> None:
    before = vms.db.dump()
    answer = vms.sent_by(vms.named(VM_ASKS[operation]), person)
    assert answer.status == EXPECTED[operation][WHO.index(person)], answer
    if answer.status >= 400:
        assert isinstance(answer.json["detail"], str)
        assert vms.db.dump() == before


@pytest.mark.parametrize("operation", VM_ASKS)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_every_operation_requires_a_valid_token_or_key(vms: VmService, operation: str, stranger: str) -> None:
    before = vms.db.dump()
    answer = vms.send(vms.named(VM_ASKS[operation]), _authorization(vms, stranger))
    assert answer.status == (200 if operation in PUBLIC else 401), answer
    assert ("www-authenticate" in answer.headers) == (operation not in PUBLIC)
    assert vms.db.dump() == before


@pytest.mark.parametrize("operation", sorted(VM_ASKS.keys() - PUBLIC))
def test_a_refused_caller_sees_the_reason_and_not_whether_the_resource_exists(
    vms: VmService, operation: str
) -> None:
    absent = dict.fromkeys(vms.ids, ABSENT)
    ask = VM_ASKS[operation]
    paths = {"/".join(names.get(p, p) for p in ask.path.split("/")) for names in (vms.ids, absent)}
    for stranger in STRANGERS:
        answers = [vms.send(ask.to(path), _authorization(vms, stranger)) for path in paths]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0].json["detail"] == f"authentication failed: {WHY[stranger]}"


@pytest.mark.parametrize("operation", sorted(ASKS.keys() - PUBLIC_OF_OTHERS))
@pytest.mark.parametrize("key", [*(who for who in WHO if "key" in who), "revoked key"])
def test_no_other_api_accepts_an_api_key(vms: VmService, operation: str, key: str) -> None:
    before = vms.db.dump()
    ask = ASKS[operation]
    path = ask.path.replace("reservation of owner", ABSENT).replace("claim of owner", ABSENT)
    answer = vms.sent_by(ask.to(path), key)
    assert answer.status == 401
    assert "only the VM API takes API keys" in answer.text
    assert vms.db.dump() == before


# Resources of others

OTHERS: Final = {
    "GET vm": Ask("GET", f"{VMS}/vm"),
    "DELETE vm": Ask("DELETE", f"{VMS}/vm"),
    "POST start": Ask("POST", f"{VMS}/vm/start"),
    "POST stop": Ask("POST", f"{VMS}/vm/stop"),
    "POST stop with a body": Ask("POST", f"{VMS}/vm/stop", "{"),
    "DELETE key": Ask("DELETE", f"{KEYS}/key"),
}


def _looked(service: VmService, ask: Ask, person: str) -> tuple[Answer, object]:
    """The response and the number of database calls, because response times reveal things, too."""
    before = dict(service.db.requests)
    answer = service.sent_by(ask, person)
    calls = {name: count - before.get(name, 0) for name, count in service.db.requests.items()}
    return answer, calls


def _compared(service: VmService, foreign: Ask, absent: Ask, person: str) -> Answer:
    """Both get the same response after the same number of calls; a call before them fills the caches."""
    before = service.db.dump()
    service.sent_by(absent, person)
    answer, calls = _looked(service, absent, person)
    assert _looked(service, foreign, person) == (answer, calls)
    assert service.db.dump() == before
    return answer


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("person", ["owner", "other project", "reader", "read_write key", "read_only key"])
def test_a_foreign_id_is_answered_like_one_that_does_not_exist(
    vms: VmService, what: str, person: str
) -> None:
    ask = OTHERS[what]
    thing = "key" if ask.path.startswith(KEYS) else "vm"
    foreign, absent = (
        ask.to("/".join(identity if part == thing else part for part in ask.path.split("/")))
        for identity in (vms.ids[f"{thing} of other organization"], ABSENT)
    )
    assert _compared(vms, foreign, absent, person).status in {403, 404}


def test_a_key_of_another_member_is_answered_like_one_that_does_not_exist(vms: VmService) -> None:
    foreign, absent = (
        Ask("DELETE", f"{KEYS}/{identity}") for identity in (vms.ids["key of other project"], ABSENT)
    )
    assert _compared(vms, foreign, absent, "owner").status == 404


@pytest.mark.parametrize("whose", ["other project", "other organization"])
def test_a_key_of_another_organization_cannot_be_named_and_reveals_nothing(
    vms: VmService, whose: str
) -> None:
    foreign, absent = (
        Ask("POST", VMS, json.dumps(vm_body(auth_method="ssh_key", password=None, ssh_key_id=identity)))
        for identity in (vms.ids[f"key of {whose}"], ABSENT)
    )
    assert _compared(vms, foreign, absent, "owner").status == 400


def test_a_node_that_the_caller_may_not_see_is_answered_like_one_that_does_not_exist(vms: VmService) -> None:
    hidden, absent = (Ask("POST", VMS, json.dumps(vm_body(node=node))) for node in (HIDDEN_NODE, "vm99"))
    answer = _compared(vms, hidden, absent, "owner")
    assert (answer.status, answer.json) == (400, {"detail": "the node does not exist"})
    seen = vms.sent_by(Ask("GET", SEARCH), "owner").text
    assert "vm01" in seen
    assert HIDDEN_NODE not in seen
    assert HIDDEN_REGION not in seen


def test_a_foreign_organization_is_answered_like_one_that_does_not_exist(vms: VmService) -> None:
    for ask in (Ask("GET", VMS), Ask("GET", KEYS), Ask("POST", VMS, json.dumps(vm_body()))):
        foreign, absent = (
            replace(ask, headers=(("x-organization-id", organization),))
            for organization in (STRANGERS_ORGANIZATION, "no-such-organization")
        )
        assert _compared(vms, foreign, absent, "owner").status == 403


@pytest.mark.parametrize("person", WHO)
def test_lists_show_only_what_the_caller_may_see(vms: VmService, person: str) -> None:
    foreign = person in ("other organization", "key of another organization")
    for path, thing in ((VMS, "vm"), (KEYS, "key")):
        answer = vms.sent_by(Ask("GET", path), person)
        whose = "other organization" if foreign else "owner"
        if thing == "key" and person == "other project":
            whose = person
        mine = {known for name, known in vms.ids.items() if name.endswith(f"{thing} of {whose}")}
        shown = {item["id"] for item in answer.json} if answer.status == 200 else None
        assert shown == (None if person in ("operator", "billing_only key") else mine)


@pytest.mark.parametrize("thing", ["vm of owner", "key of owner"])
@pytest.mark.parametrize("spelling", ["{}%0a", "{{{}}}", "urn:uuid:{}", " {}", "{}/", "{}\u200b"])
def test_an_id_in_another_spelling_is_not_an_id(vms: VmService, thing: str, spelling: str) -> None:
    base = VMS if thing.startswith("vm") else KEYS
    before = vms.db.dump()
    for identity in (spelling.format(vms.ids[thing]), vms.ids[thing].replace("-", "")):
        assert vms.sent_by(Ask("DELETE", f"{base}/{identity}"), "owner").status in {404, 405}
    assert vms.db.dump() == before


@pytest.mark.parametrize("person", WHO)
def test_every_caller_with_the_permission_sees_the_same_prices(vms: VmService, person: str) -> None:
    for ask in (Ask("GET", PRICING), Ask("GET", SEARCH)):
        assert vms.sent_by(ask, person).text == vms.send(ask, None).text
    quoted = vms.sent_by(Ask("POST", QUOTES, json.dumps(quote_body())), person)
    owners = vms.sent_by(Ask("POST", QUOTES, json.dumps(quote_body())), "owner")
    assert quoted.status == 403 or quoted == owners
