"""API keys: made by accounts and by operators, stored as hashes, valid for the VM API only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_key import KEYS_PER_ACCOUNT_MAX, digest_of, is_key
from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import NotFound
from testkit.handlers.vm_stage import SAMPLE_API_KEY, SUBJECT, Stage, read, with_header
from testkit.world import HOLDERS, ORGANIZATION
from tests.tools.operator_stage import StageApi
from tools.api_key import answer, parse
from tools.local_stack.errors import LaunchError

ME = Account(ORGANIZATION, SUBJECT)

# What each scope may do: read VMs, change them, read prices.
RIGHTS = {
    Scope.READ_WRITE: ("list_vms", "create_vm", "calculate_reservation", "list_ssh_keys", "create_ssh_key"),
    Scope.READ_ONLY: ("list_vms", "calculate_reservation", "list_ssh_keys"),
    Scope.BILLING_ONLY: ("calculate_reservation",),
}
CASES = {
    "list_vms": "all",
    "create_vm": "with_password",
    "calculate_reservation": "quoted",
    "list_ssh_keys": "all",
    "create_ssh_key": "ed25519",
}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("function", CASES)
def test_a_key_may_do_exactly_what_its_scope_allows(stage: Stage, scope: Scope, function: str) -> None:
    sent = stage.send(function, CASES[function], authorization=f"Bearer {stage.api_key(scope)}")
    assert (sent.status == 403) == (function not in RIGHTS[scope])
    assert sent.status in (200, 201, 403)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer   {}", "{}", "  {} "])
def test_a_key_is_accepted_as_a_bearer_token_and_without_a_scheme(stage: Stage, form: str) -> None:
    assert stage.send("list_vms", "all", authorization=form.format(stage.api_key())).status == 200


def test_a_key_belongs_to_the_same_account_as_its_subjects_tokens(stage: Stage) -> None:
    stage.with_vm()
    by_key = stage.send("list_vms", "all", authorization=stage.api_key())
    by_token = stage.send("list_vms", "all")
    assert by_key.json == by_token.json
    assert len(by_key.json) == 1
    assert len(stage.send("list_ssh_keys", "all", authorization=stage.api_key()).json) == 1
    assert stage.send("list_ssh_keys", "all", authorization=stage.api_key(subject="another")).json == []


def test_a_revoked_key_is_refused_immediately(stage: Stage) -> None:
    key = stage.api_key()
    assert stage.send("list_vms", "all", authorization=key).status == 200
    stage.api_keys().revoke(ORGANIZATION, digest_of(key)[:16])
    refused = stage.send("list_vms", "all", authorization=key)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="gpu-capacity", error="invalid_token"'


@pytest.mark.parametrize(
    "key", ["nv_", "nv_short", "nv_" + "A" * 43, "nv_" + "A" * 44, "nv_" + "!" * 43, "NV_" + "A" * 43]
)
def test_an_invented_key_is_refused(stage: Stage, key: str) -> None:
    stage.api_key()
    assert stage.send("list_vms", "all", authorization=f"Bearer {key}").status == 401


@pytest.mark.parametrize("function", ["list_reservations", "list_capacity_claims"])
def test_no_other_api_accepts_a_key(stage: Stage, function: str) -> None:
    path = {
        "list_reservations": "/api/v2/reservations",
        "list_capacity_claims": "/v1alpha1/inference/capacityclaims",
    }[function]
    event = read("list_vms", "all") | {"path": path, "resource": path}
    assert stage.send(function, event=event, authorization=f"Bearer {stage.api_key()}").status == 401


def test_a_key_cannot_name_an_organization_that_is_not_its_own(stage: Stage) -> None:
    event = with_header(read("list_vms", "all"), "X-Organization-Id", "another")
    assert stage.send("list_vms", event=event, authorization=stage.api_key()).status == 403


def test_only_the_hash_of_a_key_is_stored_and_no_log_has_the_key(stage: Stage) -> None:
    key = stage.api_key()
    stage.send("list_vms", "all", authorization=key)
    assert is_key(key)
    reported = (
        json.dumps([str(item) for item in stage.db.dump()["holders"]]) + stage.log + str(stage.telemetry)
    )
    assert key not in reported
    assert key[3:] not in reported
    assert digest_of(key) in reported


def test_an_account_may_have_several_different_keys(stage: Stage) -> None:
    book = stage.api_keys()
    first, second = (book.create(ME, [Scope.READ_ONLY]) for _ in range(2))
    book.revoke(ORGANIZATION, first[1].id)
    assert stage.send("list_vms", "all", authorization=first[0]).status == 401
    assert stage.send("list_vms", "all", authorization=second[0]).status == 200


def test_keys_made_within_one_second_are_listed_in_order_of_creation(stage: Stage) -> None:
    names = [f"key {number}" for number in range(8)]
    for name in names:
        assert stage.send("create_api_key", "minimal", name=name).status == 201

    assert [key["name"] for key in stage.send("list_api_keys", "all").json] == names


def test_a_name_is_shown_as_it_was_sent_even_if_empty(stage: Stage) -> None:
    stage.send("create_api_key", "minimal", name="")

    assert [key["name"] for key in stage.send("list_api_keys", "all").json] == [""]


def test_a_revoked_key_is_gone_and_every_change_is_audited_once(stage: Stage) -> None:
    book = stage.api_keys()
    _, record = book.create(ME, [Scope.READ_ONLY])
    book.revoke(ORGANIZATION, record.id)
    with pytest.raises(NotFound):
        book.revoke(ORGANIZATION, record.id)
    assert book.of_organization(ORGANIZATION) == []
    assert [line.action for line in stage.telemetry.audits] == ["create_api_key", "delete_api_key"]


def test_keys_can_be_revoked_only_within_their_organization(stage: Stage) -> None:
    book = stage.api_keys()
    key, record = book.create(ME, [Scope.READ_ONLY])
    with pytest.raises(NotFound):
        book.revoke("another-organization", record.id)
    assert stage.send("list_vms", "all", authorization=key).status == 200


def operators(stage: Stage) -> StageApi:
    """The operators' API of the stage."""
    return StageApi("memory", stage.authority.token("operator"), stage)


def test_the_command_makes_lists_and_revokes(stage: Stage) -> None:
    book = operators(stage)
    options = ["--org", ORGANIZATION, "--subject", SUBJECT, "--scope", "billing_only, read_only"]
    key = answer(parse([*options, "--name", "ci"]), book)
    assert is_key(key)
    (line,) = answer(parse(["--org", ORGANIZATION]), book).splitlines()
    assert key not in line
    assert line.split() == [
        *(digest_of(key)[:16], "billing_only,read_only", "2026-05-28", f"…{key[-4:]}", SUBJECT, "ci")
    ]
    revoked = answer(parse(["--org", ORGANIZATION, "--revoke", line.split()[0]]), book)
    assert revoked == f"revoked: {line}"
    assert answer(parse(["--org", ORGANIZATION]), book) == "no API keys"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--subject", "somebody"],
        ["--org", "o", "--subject", "s", "--revoke", "r"],
        ["--org", "o", "--subject", "s", "--scope", "everything"],
        ["--org", "o", "--subject", "s", "--scope", "read_only,"],
        ["--org", "o", "--subject", "s", "--name", "n" * 101],
    ],
)
def test_the_command_prints_its_usage(stage: Stage, arguments: list[str]) -> None:
    options, book = parse(arguments), operators(stage)
    with pytest.raises(LaunchError):
        answer(options, book)


# Over HTTP.


def made(stage: Stage, case: str = "read_only", **changes: Any) -> str:
    """A key that the account makes for itself."""
    answer = stage.send("create_api_key", case, **changes)
    assert answer.status == 201, answer
    return str(answer.json["api_key"])


def test_an_account_makes_a_key_that_may_do_what_its_scope_allows(stage: Stage) -> None:
    answer = stage.send("create_api_key", "minimal")
    assert list(answer.json) == ["api_key", "created_at", "message"]
    key = answer.json["api_key"]
    assert is_key(key)
    assert digest_of(key)[:16] in answer.json["message"]
    assert stage.send("create_vm", "with_password", authorization=f"Bearer {key}").status == 201
    reader = made(stage)
    assert stage.send("list_vms", "all", authorization=reader).status == 200
    assert stage.send("create_vm", "with_password", authorization=reader).status == 403


def test_a_key_of_several_scopes_may_do_what_any_of_them_allows(stage: Stage) -> None:
    key = made(stage, scopes=["billing_only", "read_only", "read_only"])
    assert stage.send("list_vms", "all", authorization=key).status == 200
    assert stage.send("calculate_reservation", "quoted", authorization=key).status == 200
    assert stage.send("list_api_keys", "all").json[0]["scopes"] == ["billing_only", "read_only"]


def test_keys_are_listed_without_their_secrets_and_with_the_published_defaults(stage: Stage) -> None:
    first = made(stage, "minimal")
    stage.clock.advance(1)
    second = made(stage)
    listed = stage.send("list_api_keys", "all")
    assert first not in listed.text
    assert second not in listed.text
    assert [(k["id"], k["name"], k["scopes"], k["last_four"]) for k in listed.json] == [
        (digest_of(first)[:16], "Primary Key", ["read_write"], first[-4:]),
        (digest_of(second)[:16], "dashboards", ["read_only"], second[-4:]),
    ]


def test_a_deleted_key_is_refused_and_no_longer_listed(stage: Stage) -> None:
    stage.with_api_key()
    kept = made(stage)
    assert stage.send("delete_api_key", "found").json["id"] == SAMPLE_API_KEY
    assert stage.send("delete_api_key", "found").status == 404
    assert [key["id"] for key in stage.send("list_api_keys", "all").json] == [digest_of(kept)[:16]]
    assert stage.send("list_vms", "all", authorization=kept).status == 200


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("function", "case"),
    [("create_api_key", "minimal"), ("list_api_keys", "all"), ("delete_api_key", "found")],
)
def test_an_api_key_cannot_make_show_or_delete_keys(
    stage: Stage, scope: Scope, function: str, case: str
) -> None:
    stage.with_api_key()
    assert stage.send(function, case, authorization=stage.api_key(scope)).status == 403


@pytest.mark.parametrize(
    ("permissions", "scopes", "status"),
    [
        (["apikeys:write"], ["billing_only"], 403),
        (["apikeys:write", "billing:read"], ["billing_only"], 201),
        (["apikeys:write", "billing:read"], ["billing_only", "read_only"], 403),
        (["apikeys:write", "billing:read", "vms:read"], ["read_only"], 201),
        (["apikeys:write", "billing:read", "vms:read"], ["read_write"], 403),
        (["apikeys:write", "vms:read", "vms:write"], ["read_write"], 403),
        (["billing:read", "vms:read", "vms:write"], ["read_only"], 403),
        (["operator"], ["billing_only"], 403),
    ],
)
def test_a_key_never_allows_more_than_the_token_that_made_it(
    stage: Stage, permissions: list[str], scopes: list[str], status: int
) -> None:
    token = stage.authority.token(permissions=permissions)
    answer = stage.send("create_api_key", "minimal", authorization=f"Bearer {token}", scopes=scopes)
    assert answer.status == status, answer


def test_the_refusal_of_a_key_names_the_permission_that_the_token_lacks(stage: Stage) -> None:
    token = stage.authority.token(permissions=["apikeys:write", "vms:read"])
    answer = stage.send("create_api_key", "minimal", authorization=f"Bearer {token}")
    assert answer.json["detail"].endswith(": billing:read, vms:write")


def test_an_account_may_have_at_most_twenty_keys(stage: Stage) -> None:
    all_of_them = [made(stage) for _ in range(KEYS_PER_ACCOUNT_MAX)]
    refused = stage.send("create_api_key", "minimal")
    assert (refused.status, "20 API keys" in refused.json["detail"]) == (400, True)
    stage.api_keys().revoke(ORGANIZATION, digest_of(all_of_them[7])[:16])
    made(stage)
    assert stage.api_keys().create(Account(ORGANIZATION, "another"), [Scope.READ_ONLY])


def test_the_limit_holds_when_a_concurrent_request_takes_the_last_place(stage: Stage) -> None:
    for _ in range(KEYS_PER_ACCOUNT_MAX - 1):
        made(stage)

    def rival(_operation: str, _parameters: dict[str, Any]) -> None:
        stage.api_keys().create(ME, [Scope.READ_ONLY])

    stage.db.before("transact_write_items", rival, times=1)
    assert stage.send("create_api_key", "minimal").status == 400
    assert len(stage.send("list_api_keys", "all").json) == KEYS_PER_ACCOUNT_MAX


def test_keys_of_other_accounts_are_neither_listed_nor_deleted(stage: Stage) -> None:
    foreign = stage.api_key(subject="another")
    event = read("delete_api_key", "found")
    event["pathParameters"]["id"] = digest_of(foreign)[:16]
    assert stage.send("delete_api_key", event=event).status == 404
    assert stage.send("list_api_keys", "all").json == []
    assert stage.send("list_vms", "all", authorization=foreign).status == 200


def test_keys_revoked_by_an_earlier_version_are_refused_and_not_listed(stage: Stage) -> None:
    key = made(stage)
    stage.db.update_item(
        TableName=HOLDERS,
        Key=keys.api_key(digest_of(key)),
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"N": "9"}},
    )
    assert stage.send("list_vms", "all", authorization=key).status == 401
    assert stage.send("list_api_keys", "all").json == []
    assert "revoked" in answer(parse(["--org", ORGANIZATION]), operators(stage))
