"""The OpenAPI document keeps the published contract, and real responses match the document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gpu_capacity.http.operations import OPERATIONS
from tests.vms.api.test_every_event import CASES
from tools.openapi.document import document

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage

DOCUMENT: Final[dict[str, Any]] = document()
STATUSES: Final = [
    "creating",
    "starting",
    "running",
    "stopping",
    "stopped",
    "interrupted",
    "destroyed",
    "failed",
    "offline",
]
RENTALS: Final = ["on_demand", "reserved", "interruptible"]

# Field: type, whether it may be null, enumeration. All as in the published text.
ANSWER: Final[dict[str, tuple[str, bool, list[str] | None]]] = {
    "id": ("string", False, None),
    "vmid": ("integer", False, None),
    "user_id": ("integer", False, None),
    "node": ("string", False, None),
    "instance_label": ("string", True, None),
    "gpu_type": ("string", False, None),
    "gpu_count": ("integer", False, None),
    "storage_gb": ("integer", False, None),
    "ram_gb": ("integer", False, None),
    "cpu_cores": ("integer", False, None),
    "ip_address": ("string", True, None),
    "status": ("string", False, STATUSES),
    "created_at": ("string", False, None),
    "started_at": ("string", True, None),
    "stopped_at": ("string", True, None),
    "rental_type": ("string", False, RENTALS),
    "reservation_id": ("string", True, None),
    "auto_restart": ("boolean", True, None),
    "hourly_rate": ("number", True, None),
    "gpu_hourly_rate": ("number", True, None),
    "storage_hourly_rate": ("number", True, None),
    "cpu_percent": ("number", False, None),
    "ram_percent": ("number", False, None),
    "cpu_model": ("string", True, None),
    "pcie_gen": ("string", True, None),
}
# Fields of this service, after the published ones.
MORE: Final[dict[str, tuple[str, bool, list[str] | None]]] = {
    "reserved_until": ("string", True, None),
    "interruption_at": ("string", True, None),
    "interruption_reason": ("string", True, None),
    "failure_reason": ("string", True, None),
    "maintenances": ("array", False, None),
}

SOMETIMES: Final = frozenset({"cpu_percent", "ram_percent", "maintenances"})
"""Fields of an answer only when there is something to say: measured usage, and maintenances of the node."""
# Field: type, enumeration, default, minimum, shortest length.
REQUEST: Final[dict[str, tuple[str | None, list[Any] | None, Any, int | None, int | None]]] = {
    "node": ("string", None, None, None, None),
    "gpu_type": ("string", None, None, None, None),
    "gpu_count": ("integer", [1, 2, 4, 8], None, None, None),
    "storage_gb": ("integer", None, None, 50, None),
    "template_vmid": ("integer", None, None, None, None),
    "rental_type": ("string", RENTALS, "on_demand", None, None),
    "reservation_months": ("integer", [1, 3, 6], None, None, None),
    "auth_method": ("string", ["ssh_key", "password"], "ssh_key", None, None),
    "ssh_key_id": ("string", None, None, None, None),
    "password": ("string", None, None, None, 12),
}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = DOCUMENT["components"][kind][name]
    return part


def test_the_response_has_the_published_fields_types_and_enumerations() -> None:
    schema = DOCUMENT["components"]["schemas"]["Vm"]
    fields = ANSWER | MORE
    assert list(schema["properties"]) == list(fields)
    # The provider may not know usage, and then it is left out: the published text does not require it.
    assert set(schema["required"]) == set(fields) - SOMETIMES
    for name, (kind, nullable, words) in fields.items():
        field = resolved(schema["properties"][name])
        choices = [resolved(choice) for choice in field.get("anyOf", [field])]
        assert ({"type": "null"} in choices) == nullable, name
        (shown,) = [choice for choice in choices if choice != {"type": "null"}]
        assert shown["type"] == kind, name
        assert shown.get("enum") == words, name


def test_the_request_has_the_published_fields_defaults_and_ranges() -> None:
    schema = DOCUMENT["components"]["schemas"]["CreateVmRequest"]
    assert list(schema["properties"]) == list(REQUEST)
    assert schema["required"] == ["node", "gpu_type", "gpu_count", "storage_gb", "template_vmid"]
    for name, (kind, words, default, minimum, shortest) in REQUEST.items():
        field = schema["properties"][name]
        assert field["type"] == kind, name
        assert field.get("enum") == words, name
        assert field.get("default") == default, name
        if minimum is not None:
            assert field["minimum"] == minimum
        if shortest is not None:
            assert field["minLength"] == shortest


@pytest.mark.parametrize(
    ("function", "case"), [(function, case) for function, cases in CASES.items() for case in cases]
)
def test_real_responses_match_the_document(stage: Stage, function: str, case: str) -> None:
    operation = OPERATIONS[function]
    CASES[function][case][2](stage)
    answer = stage.send(function, case)
    entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
    response = resolved(entry["responses"][str(answer.status)])
    _assert_valid(response["content"]["application/json"]["schema"], answer.json)
    described = {name.lower() for name in response["headers"]} | {"content-type"}
    assert set(answer.headers) <= described


def _assert_valid(schema: dict[str, Any], instance: Any) -> None:
    registry: Registry[Any] = Registry().with_resource("urn:document", DRAFT202012.create_resource(DOCUMENT))
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    problems = [e.message for e in Draft202012Validator(absolute, registry=registry).iter_errors(instance)]
    assert not problems, problems
