"""API keys: made and taken back by operators, kept as hashes, good for the VM API alone."""

from __future__ import annotations

import json

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.errors import NotFound
from gpu_capacity.holders.account import Account
from gpu_capacity.holders.api_keys import digest_of, is_key
from tests.support.world import ORGANIZATION
from tests.vms.edge.stage import SUBJECT, Stage, read, with_header
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
def test_a_key_may_do_what_its_scope_says_and_nothing_else(stage: Stage, scope: Scope, function: str) -> None:
    sent = stage.send(function, CASES[function], authorization=f"Bearer {stage.api_key(scope)}")
    assert (sent.status == 403) == (function not in RIGHTS[scope])
    assert sent.status in (200, 201, 403)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer   {}", "{}", "  {} "])
def test_a_key_is_taken_as_a_bearer_token_and_bare(stage: Stage, form: str) -> None:
    assert stage.send("list_vms", "all", authorization=form.format(stage.api_key())).status == 200


def test_a_key_stands_for_the_account_that_the_tokens_of_its_subject_have(stage: Stage) -> None:
    stage.with_vm()
    by_key = stage.send("list_vms", "all", authorization=stage.api_key())
    by_token = stage.send("list_vms", "all")
    assert by_key.json == by_token.json
    assert len(by_key.json) == 1
    assert len(stage.send("list_ssh_keys", "all", authorization=stage.api_key()).json) == 1
    assert stage.send("list_ssh_keys", "all", authorization=stage.api_key(subject="another")).json == []


def test_a_revoked_key_opens_nothing_from_that_moment_on(stage: Stage) -> None:
    key = stage.api_key()
    assert stage.send("list_vms", "all", authorization=key).status == 200
    stage.api_keys().revoke(ORGANIZATION, digest_of(key)[:16])
    refused = stage.send("list_vms", "all", authorization=key)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="gpu-capacity", error="invalid_token"'


@pytest.mark.parametrize(
    "key", ["nv_", "nv_short", "nv_" + "A" * 43, "nv_" + "A" * 44, "nv_" + "!" * 43, "NV_" + "A" * 43]
)
def test_a_made_up_key_opens_nothing(stage: Stage, key: str) -> None:
    stage.api_key()
    assert stage.send("list_vms", "all", authorization=f"Bearer {key}").status == 401


@pytest.mark.parametrize("function", ["list_reservations", "list_capacity_claims"])
def test_no_other_api_takes_a_key(stage: Stage, function: str) -> None:
    path = {
        "list_reservations": "/api/v2/reservations",
        "list_capacity_claims": "/v1alpha1/inference/capacityclaims",
    }[function]
    event = read("list_vms", "all") | {"path": path, "resource": path}
    assert stage.send(function, event=event, authorization=f"Bearer {stage.api_key()}").status == 401


def test_a_key_cannot_name_an_organization_that_is_not_its_own(stage: Stage) -> None:
    event = with_header(read("list_vms", "all"), "X-Organization-Id", "another")
    assert stage.send("list_vms", event=event, authorization=stage.api_key()).status == 403


def test_only_the_hash_of_a_key_is_kept_and_no_log_has_the_key(stage: Stage) -> None:
    key = stage.api_key()
    stage.send("list_vms", "all", authorization=key)
    assert is_key(key)
    told = json.dumps([str(item) for item in stage.db.dump()["holders"]]) + stage.log + str(stage.telemetry)
    assert key not in told
    assert key[3:] not in told
    assert digest_of(key) in told


def test_two_keys_of_an_account_are_two_keys(stage: Stage) -> None:
    book = stage.api_keys()
    first, second = (book.create(ME, Scope.READ_ONLY) for _ in range(2))
    book.revoke(ORGANIZATION, first[1].id)
    assert stage.send("list_vms", "all", authorization=first[0]).status == 401
    assert stage.send("list_vms", "all", authorization=second[0]).status == 200


def test_revoking_again_changes_and_audits_nothing(stage: Stage) -> None:
    book = stage.api_keys()
    _, record = book.create(ME, Scope.READ_ONLY)
    first = book.revoke(ORGANIZATION, record.id)
    stage.clock.advance(60)
    assert book.revoke(ORGANIZATION, record.id) == first
    assert [line.action for line in stage.telemetry.audits] == ["create_api_key", "revoke_api_key"]


def test_keys_are_revoked_within_their_organization_only(stage: Stage) -> None:
    book = stage.api_keys()
    key, record = book.create(ME, Scope.READ_ONLY)
    with pytest.raises(NotFound):
        book.revoke("another-organization", record.id)
    assert stage.send("list_vms", "all", authorization=key).status == 200


def test_the_command_makes_lists_and_revokes(stage: Stage) -> None:
    book = stage.api_keys()
    key = answer(parse(["--org", ORGANIZATION, "--subject", SUBJECT, "--scope", "read_only"]), book)
    assert is_key(key)
    (line,) = answer(parse(["--org", ORGANIZATION]), book).splitlines()
    assert key not in line
    assert line.split() == [digest_of(key)[:16], "read_only", "2026-05-28", "active", SUBJECT]
    assert "revoked 2026-05-28" in answer(parse(["--org", ORGANIZATION, "--revoke", line.split()[0]]), book)
    assert answer(parse(["--org", "empty"]), book) == "no API keys"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--subject", "somebody"],
        ["--org", "o", "--subject", "s", "--revoke", "r"],
        ["--org", "o", "--subject", "s", "--scope", "everything"],
    ],
)
def test_the_command_says_how_it_is_used(stage: Stage, arguments: list[str]) -> None:
    options, book = parse(arguments), stage.api_keys()
    with pytest.raises(LaunchError):
        answer(options, book)
