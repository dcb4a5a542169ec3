"""Every event file of the VM API through the real handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

from gpu_capacity.accounts.api import models as account_models
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.history.api.models import VmEvent
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.runtime.apis.unmatched import VM_PREFIXES
from gpu_capacity.vms.api import models
from gpu_capacity.vms.api.error_models import DetailRead
from testkit.handlers import sample_events
from testkit.handlers.history_arrangements import tell
from testkit.handlers.sample_events import REFUSED, refusals
from testkit.handlers.vm_stage import SAMPLE_KEY, SAMPLE_VM, Stage
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

FUNCTIONS: Final = sorted(o.name for o in OPERATIONS.values() if o.path.startswith(VM_PREFIXES))
CHALLENGES: Final = {
    "token_missing": 'Bearer realm="gpu-capacity"',
    "token_expired": 'Bearer realm="gpu-capacity", error="invalid_token"',
}


def nothing(stage: Stage) -> None:
    """No account has anything."""


def limited(stage: Stage) -> None:
    """The organization has a limit on GPUs, and a VM."""
    item = keys.quota(ORGANIZATION, "vm_gpus") | encode({"limit": 40, "used": 0})
    stage.db.put_item(TableName=HOLDERS, Item=item)
    stage.with_vm()


def a_key(stage: Stage) -> None:
    """The account has an SSH key."""
    stage.with_ssh_key()


def a_vm(stage: Stage) -> None:
    """The account has an SSH key and a VM that is being created."""
    stage.with_vm()


def vms(stage: Stage) -> None:
    """The account has more VMs than fit on a page."""
    stage.with_vm()
    for _ in range(2):
        assert stage.send("create_vm", "with_password").status == 201


def told(stage: Stage) -> None:
    """The account has a VM with a history."""
    stage.with_vm()
    tell(stage)


def one_of_each(stage: Stage) -> None:
    """The account has a VM, an SSH key and an API key."""
    stage.with_vm().with_api_key()


def an_api_key(stage: Stage) -> None:
    """The account has an API key."""
    stage.with_api_key()


Case: TypeAlias = "tuple[int, type[BaseModel] | None, Callable[[Stage], None]]"

CASES: Final[dict[str, dict[str, Case]]] = {
    "create_vm": {
        "on_demand": (201, models.VmRead, a_key),
        "minimal": (201, models.VmRead, a_key),
        "interruptible": (201, models.VmRead, a_key),
        "reserved": (201, models.VmRead, a_key),
        "with_password": (201, models.VmRead, nothing),
        "with_named_key": (201, models.VmRead, a_key),
        "months_missing": (422, None, a_key),
        "months_not_reserved": (422, None, a_key),
        "password_missing": (422, None, a_key),
        "password_too_short": (422, None, a_key),
        "body_invalid": (422, None, a_key),
        "body_not_json": (422, None, a_key),
        "node_unknown": (400, None, a_key),
        "template_unknown": (400, None, a_key),
        "gpu_type_wrong": (400, None, a_key),
        "key_unknown": (400, None, a_key),
        "token_expired": (401, None, a_key),
    },
    "get_vm": {"found": (200, models.VmRead, a_vm)},
    "list_vm_events": {
        "all": (200, VmEvent, told),
        "page": (200, VmEvent, told),
        "cursor_malformed": (422, None, told),
    },
    "destroy_vm": {"found": (200, models.VmRead, a_vm)},
    # A VM that is being created can be destroyed, but neither started nor stopped.
    "start_vm": {"found": (400, None, a_vm)},
    "stop_vm": {"found": (400, None, a_vm)},
    "list_vms": {
        "all": (200, models.VmRead, a_vm),
        "page": (200, models.VmRead, vms),
        "by_status": (200, models.VmRead, a_vm),
        "limit_malformed": (422, None, a_vm),
        "status_unknown": (422, None, a_vm),
        "cursor_malformed": (422, None, a_vm),
    },
    "calculate_reservation": {
        "quoted": (200, models.QuoteRead, nothing),
        "gpu_type_unknown": (400, None, nothing),
        "body_invalid": (422, None, nothing),
    },
    "search_offers": {
        "all": (200, models.OfferRead, nothing),
        "filtered": (200, models.OfferRead, nothing),
        "count_malformed": (422, None, nothing),
    },
    "get_pricing": {"answered": (200, models.PricingRead, nothing)},
    "list_vm_quotas": {
        "all": (200, account_models.VmQuotaRead, limited),
    },
    "list_templates": {
        "all": (200, models.TemplateRead, nothing),
    },
    "create_ssh_key": {
        "ed25519": (201, account_models.SshKeyRead, nothing),
        "label_left_out": (201, account_models.SshKeyRead, nothing),
        "not_a_key": (422, None, nothing),
        "body_invalid": (422, None, nothing),
    },
    "list_ssh_keys": {
        "all": (200, account_models.SshKeyRead, a_key),
    },
    "delete_ssh_key": {
        "found": (200, account_models.SshKeyRead, a_key),
    },
    "create_api_key": {
        "read_only": (201, account_models.ApiKeyCreated, nothing),
        "minimal": (201, account_models.ApiKeyCreated, nothing),
        "scopes_united": (201, account_models.ApiKeyCreated, an_api_key),
        "scope_unknown": (422, None, nothing),
        "scopes_empty": (422, None, nothing),
        "body_invalid": (422, None, nothing),
    },
    "list_api_keys": {
        "all": (200, account_models.ApiKeyRead, an_api_key),
    },
    "delete_api_key": {
        "found": (200, account_models.ApiKeyRead, an_api_key),
    },
}


for _function, _cases in CASES.items():
    _cases |= {case: (REFUSED[case], None, one_of_each) for case in refusals(_function)}


@pytest.mark.parametrize(
    ("function", "case"), [(function, case) for function, cases in CASES.items() for case in cases]
)
def test_the_response_to_an_event_matches_the_contract(stage: Stage, function: str, case: str) -> None:
    status, model, before = CASES[function][case]
    before(stage)
    answer = stage.send(function, case)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers.get("www-authenticate") == CHALLENGES.get(case)
    if model is None:
        _assert_is_an_error(answer.json, status)
        assert answer.headers["x-trace-id"] == "6a17b9000123456789abcdef01234567"
    else:
        found = answer.json if isinstance(answer.json, list) else [answer.json]
        assert found
        for entry in found:
            # Every published field is there, and no other.
            optional = {name for name, field in model.model_fields.items() if not field.is_required()}
            assert set(entry) <= set(model.model_fields) <= set(entry) | optional
            model.model_validate(entry)


def _assert_is_an_error(body: Any, status: int) -> None:
    DetailRead.model_validate(body)
    assert set(body) == {"detail"}
    assert isinstance(body["detail"], list) == (status == 422)


def test_every_event_file_has_an_expected_response() -> None:
    expected = {(function, case) for function, cases in CASES.items() for case in cases}
    assert expected == {pair for pair in sample_events.cases() if pair[0] in FUNCTIONS}


def test_the_id_in_the_sample_events_is_that_of_the_vm(stage: Stage) -> None:
    assert stage.with_vm().send("get_vm", "found").json["id"] == SAMPLE_VM
    assert stage.send("list_ssh_keys", "all").json[0]["id"] == SAMPLE_KEY


@pytest.mark.parametrize("function", ["search_offers", "get_pricing"])
def test_offers_and_prices_need_no_token(stage: Stage, function: str) -> None:
    assert stage.send(function, {"search_offers": "all", "get_pricing": "answered"}[function]).status == 200
