"""The order of checks of every operation: credential, permission, request, and then the rest.

A caller without the permission must not learn what else would have been wrong.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.http.operations import OPERATIONS
from testkit.hostile.requests import ASKS
from testkit.hostile.service import ABSENT, Ask
from testkit.hostile.vm_requests import VM_ASKS

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer
    from testkit.hostile.vm_service import VmService

RESTRICTED: Final = sorted(name for name, operation in OPERATIONS.items() if operation.permission)
ALL: Final = {**ASKS, **VM_ASKS}
BODIES: Final = {
    "none": None,
    "empty": "",
    "no JSON": "{",
    "no object": "[]",
    "nothing": "{}",
    "wrong fields": json.dumps({"spec": 7, "resources": 7, "node": 7, "label": 7, "gpu_type": 7}),
    "a key twice": '{"metadata": {}, "metadata": {}, "node": "a", "node": "b"}',
    "too large": " " * 70_000,
    "GPU type that is not rented": json.dumps(
        json.loads(VM_ASKS["create_vm"].body or "") | {"gpu_type": "no"}
    ),
    "no SSH key": json.dumps({"label": "a", "ssh_public_key": "ssh-rsa AAAA"}),
}
QUERIES: Final = {
    "unknown": (("dryrun", "true"),),
    "malformed": (("dryRun", "yes"), ("limit", "1_0"), ("updatedAfter", "now"), ("tag", "x")),
}
HEADERS: Final = {
    "another content type": (("content-type", "text/plain"),),
    "malformed key": (("idempotency-key", "a b"),),
    "foreign organization": (("x-organization-id", "no-such-organization"),),
}


def _variants(name: str) -> dict[str, Ask]:
    here = ALL[name]
    return (
        {"as it should be": here}
        | {f"body: {what}": replace(here, body=body) for what, body in BODIES.items()}
        | {f"query: {what}": replace(here, query=query) for what, query in QUERIES.items()}
        | {f"header: {what}": replace(here, headers=headers) for what, headers in HEADERS.items()}
        | {"all of it": replace(here, body="{", query=QUERIES["malformed"], headers=HEADERS["malformed key"])}
    )


def _paths(service: VmService, ask: Ask) -> list[Ask]:
    """To a resource that exists, to one that does not, and to an invalid id."""
    parts = ask.path.split("/")
    named = [part for part in parts if " of " in part]
    return [
        ask.to("/".join(identity if part in named else part for part in parts))
        for identity in ([service.ids.get(named[0], ABSENT), ABSENT, "nonsense"] if named else [""])
    ]


def _every(service: VmService, name: str) -> list[tuple[str, Ask]]:
    return [(what, ask) for what, variant in _variants(name).items() for ask in _paths(service, variant)]


def _but(permission: Permission) -> list[str]:
    """Every permission but one; that of an operator implies others."""
    return [p.value for p in Permission if p not in (permission, Permission.OPERATE)]


def _text(answer: Answer) -> str:
    body = answer.json
    return str(body.get("error_description") or body.get("message") or body.get("detail"))


@pytest.mark.parametrize("name", RESTRICTED)
def test_without_the_permission_nothing_else_is_checked(vms: VmService, name: str) -> None:
    permission = OPERATIONS[name].permission
    assert permission is not None
    token = f"Bearer {vms.token('owner', permissions=_but(permission))}"
    tables, calls = vms.db.dump(), dict(vms.db.requests)
    for what, ask in _every(vms, name):
        answer = vms.send(ask, token)
        assert answer.status == 403, (what, answer)
        assert _text(answer) == f"permission denied: this needs the permission {permission.value}", what
    assert vms.db.dump() == tables
    assert vms.db.requests == calls


@pytest.mark.parametrize("name", RESTRICTED)
@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
def test_without_a_credential_not_even_the_permission_is_checked(
    vms: VmService, name: str, authorization: str | None
) -> None:
    for what, ask in _every(vms, name):
        assert vms.send(ask, authorization).status == 401, what


@pytest.mark.parametrize("name", RESTRICTED)
def test_the_table_has_the_permission_that_each_operation_requires(vms: VmService, name: str) -> None:
    """A wrong one would refuse callers, or let them through to a use case that refuses them."""
    permission = OPERATIONS[name].permission
    assert permission is not None
    ask = _paths(vms, ALL[name])[0]
    answer = vms.send(ask, f"Bearer {vms.token('owner', permissions=[permission.value])}")
    # An API key may not allow more than its maker may: that is not decided by the operation's permission.
    assert answer.status != 403 or "the key would allow more" in answer.text


@pytest.mark.parametrize("ask", [ALL["create_vm"], ALL["create_ssh_key"], ALL["calculate_reservation"]])
@pytest.mark.parametrize("body", ["{", '{"gpu_type": "nosuch"}'])
def test_an_api_key_without_the_permission_is_refused_before_its_request_is_read(
    vms: VmService, ask: Ask, body: str
) -> None:
    scope = "read_only key" if ask.path != "/reservations/calculate" else "read_write key"
    expected = 403 if ask.path != "/reservations/calculate" else 422
    assert vms.sent_by(replace(ask, body=body), scope).status == expected


@pytest.mark.parametrize("name", ["update_capacity_claim", "update_placement"])
def test_an_invalid_body_is_reported_before_the_resource_is_looked_up(vms: VmService, name: str) -> None:
    for ask in _paths(vms, replace(ALL[name], body="{}")):
        assert vms.sent_by(ask, "owner").status == 400
