"""What the fuzzer knows about the service, and how its results are reported."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.accounts.api import models as account_models
from gpu_capacity.accounts.api.public_keys import read_public_key
from gpu_capacity.accounts.ssh_key import LABEL_LENGTH_MAX
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.vm_settings import template_list
from gpu_capacity.vms.api import models as vm_models
from testkit.sample_fleet import sample_fleet
from tools.fuzz import known, tenants
from tools.fuzz.known import COLLECTIONS, LISTED, MADE_UP_EVERY, SPARED, Known
from tools.fuzz.report import by_operation

KEY_BODY = {"label": "a\x00b" + "c" * 200, "ssh_public_key": "no key"}


def _vms(count: int) -> Known:
    book = Known()
    for number in range(count):
        book.remember("POST", "/vms", {}, {"id": f"vm {number}"})
    return book


def test_the_nodes_are_those_of_the_sample_fleet() -> None:
    fleet = sample_fleet()
    types = {flavor["id"]: flavor["vm"]["gpuType"] for flavor in fleet["flavors"] if "vm" in flavor}
    pods = [pod for region in fleet["regions"] for pod in region["pods"] if pod["flavorId"] in types]
    nodes = {
        (host["name"], types[pod["flavorId"]])
        for pod in pods
        for domain in pod["domains"]
        for host in domain["hosts"]
    }
    assert set(known.NODES) == nodes


def test_the_words_and_limits_are_those_of_the_service() -> None:
    assert known.ORGANIZATION == tenants.ORGANIZATION
    assert known.STORAGE_GB_MAX == vm_models.STORAGE_GB_MAX
    assert known.PASSWORD_LENGTH_MAX == vm_models.PASSWORD_LENGTH_MAX
    assert known.LABEL_LENGTH_MAX == LABEL_LENGTH_MAX
    made = {o.path for o in OPERATIONS.values() if o.name.startswith("create_")}
    assert made - {OPERATIONS["create_api_key"].path} == set(COLLECTIONS) - {LISTED}
    assert OPERATIONS["list_api_keys"].path == LISTED
    assert known.TEMPLATE_VMID in template_list(Environment({})).ids


def test_a_generated_body_is_accepted_by_the_service() -> None:
    made_up = {
        "node": "\x00",
        "gpu_type": "",
        "gpu_count": 1,
        "storage_gb": 10**30,
        "template_vmid": -1,
        "auth_method": "password",
        "password": "\x00" * 300,
    }
    Known().fit(made_up)
    vm_models.VmCreate.model_validate(made_up)
    assert "ssh_key_id" not in made_up


def test_every_generated_key_is_new_and_accepted_by_the_service() -> None:
    book, lines = Known(), set()
    for _ in range(3):
        body = dict(KEY_BODY)
        book.fit(body)
        account_models.SshKeyCreate.model_validate(body)
        lines.add(read_public_key(body["ssh_public_key"]).line)
    assert len(lines) == 3


def test_a_generated_id_belongs_to_the_same_collection() -> None:
    book = _vms(3)
    assert book.one_of("/ssh-keys/{id}") is None
    assert {book.one_of("/vms/{id}/start") for _ in range(3)} == {"vm 0", "vm 1", "vm 2"}
    assert book.is_known("/vms/{id}", "vm 0")
    assert not book.is_known("/ssh-keys/{id}", "vm 0")


def test_api_keys_are_known_from_their_list() -> None:
    book = Known()
    book.remember("POST", "/auth/api-key", {}, {"api_key": "nv_1"})
    for _ in range(2):
        book.remember("GET", LISTED, {}, [{"id": "key 1"}, {"id": "key 2"}])
    assert {book.one_of("/auth/api-keys/{id}") for _ in range(4)} == {"key 1", "key 2"}


def test_the_oldest_holders_are_deleted_first_and_some_stay() -> None:
    book = _vms(SPARED + 1)
    assert book.one_of("/vms/{id}", to_end=True) == "vm 0"
    book.remember("DELETE", "/vms/{id}", {"id": "vm 0"}, None)
    assert book.one_of("/vms/{id}", to_end=True) is None
    assert {book.one_of("/vms/{vm}") for _ in range(10)} == {f"vm {n + 1}" for n in range(SPARED)}


def test_some_requests_keep_invented_values() -> None:
    book = Known()
    assert sum(book.made_up() for _ in range(100)) == 100 // MADE_UP_EVERY


def _document(statuses: dict[str, dict[str, int]], failed: dict[str, int]) -> dict[str, Any]:
    return {"statuses": statuses, "failed": failed}


@pytest.fixture
def rows() -> dict[str, list[Any]]:
    documents = [
        _document({"GET /vms/{id}": {"200": 1, "404": 2}}, {}),
        _document({"GET /vms/{vmId}": {"200": 2, "500": 1}}, {"GET /vms/{vmId}": 1}),
        _document({"POST /api/v2/reservations": {"202": 1, "507": 3}}, {}),
    ]
    return {row[1]: row for row in by_operation(documents)}


def test_responses_add_up_over_documents_whatever_their_parameter_names(rows: dict[str, list[Any]]) -> None:
    assert rows["`GET /vms/{id}`"] == ["VM rental", "`GET /vms/{id}`", 6, 3, "50%", 2, 0, 1, 1]


def test_a_lack_of_capacity_is_no_failure(rows: dict[str, list[Any]]) -> None:
    assert rows["`POST /api/v2/reservations`"][2:] == [4, 1, "25%", 0, 3, 0, 0]


def test_an_operation_that_was_never_called_is_shown(rows: dict[str, list[Any]]) -> None:
    assert len(rows) == len(OPERATIONS)
    assert rows["`GET /pricing`"][2:5] == [0, 0, "none sent"]
    apis = [row[0] for row in rows.values()]
    assert {api: apis.count(api) for api in apis} == {
        "reservations": sum(
            operation.path.startswith(("/api/", "/v1/", "/v2/")) for operation in OPERATIONS.values()
        ),
        "capacity claims": 8,
        "operators": sum(operation.path.startswith("/operator/") for operation in OPERATIONS.values()),
        "VM rental": 18,
    }
