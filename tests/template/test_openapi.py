"""The committed OpenAPI document matches the code and the contract."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gpu_capacity.http.operations import OPERATIONS
from tests.functional import contract
from tests.functional.api_cases import API_CASES
from tests.functional.contract_words import NAME_PATTERN
from tests.template.loading import ROOT
from tools.openapi import document as generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.handlers.stage import Stage
    from tests.functional.case import ApiCase

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def test_an_operation_that_is_not_described_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = OPERATIONS["get_reservation"]
    monkeypatch.setattr(generator, "OPERATIONS", {**OPERATIONS, "undescribed_operation": operation})
    with pytest.raises(ValueError, match=r"tools/openapi: undescribed_operation$"):
        generator.document()


def test_the_committed_document_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert committed == generator.text(), "run `make openapi`"


def test_every_reference_resolves() -> None:
    found = set(_references(DOCUMENT))
    assert found
    for reference in found:
        part: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name.replace("~1", "/")]


def test_every_shared_component_is_referenced() -> None:
    references = set(_references(DOCUMENT))
    for kind in ("parameters", "responses", "schemas", "headers"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in references


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_example_is_valid() -> None:
    examples = list(_examples(DOCUMENT))
    assert len(examples) >= 10
    for schema, example in examples:
        _assert_valid(schema, example)


# Operations


def test_operations_are_those_of_the_code() -> None:
    entries = {
        (method.upper(), path): entry["operationId"]
        for path, methods in DOCUMENT["paths"].items()
        for method, entry in methods.items()
    }
    assert entries == {(o.method, o.path): generator.operation_id(o.name) for o in OPERATIONS.values()}


def test_the_published_operations_keep_their_ids() -> None:
    assert generator.operation_id("create_reservation") == "createReservation"
    assert generator.operation_id("list_reservation_units") == "listReservationUnits"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_parameters_of_a_path_are_described(operation: Any) -> None:
    entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
    in_path = {p["name"] for p in map(_resolved, entry.get("parameters", [])) if p["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", operation.path))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_query_parameters_are_those_of_the_code(operation: Any) -> None:
    entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
    described = [p for p in map(_resolved, entry.get("parameters", [])) if p["in"] == "query"]
    assert {p["name"] for p in described} == set(operation.parameters)
    assert {p["name"] for p in described if p["schema"]["type"] == "array"} == set(operation.repeated)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_every_operation_that_checks_its_query_documents_the_400(operation: Any) -> None:
    answers = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    assert bool({"400", "422"} & set(answers)) == (not operation.any_query)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_each_operation_names_its_permission(operation: Any) -> None:
    entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert (entry.get("security") == []) == (operation.permission is None)
    if operation.permission is not None:
        assert f"`{operation.permission.value}`" in entry["description"]


def test_every_response_has_the_trace_id() -> None:
    for methods in DOCUMENT["paths"].values():
        for entry in methods.values():
            for response in entry["responses"].values():
                assert "X-Trace-Id" in _resolved(response)["headers"]


def test_repeated_query_parameters_are_arrays_by_repetition() -> None:
    arrays = [p for p in DOCUMENT["components"]["parameters"].values() if p["schema"]["type"] == "array"]
    assert {p["name"] for p in arrays} >= {
        "tag",
        "organizationID",
        "projectID",
        "regionID",
        "accelerator",
        "unit",
    }
    for parameter in arrays:
        assert (parameter["in"], parameter["style"], parameter["explode"]) == ("query", "form", True)


PUBLISHED_ANSWERS = {
    "createReservation": {202, 400, 401, 403, 404, 500, 507},
    "listReservationUnits": {200, 400, 401, 403, 500},
    "listReservations": {200, 400, 401, 403, 500},
    "getReservation": {200, 400, 401, 403, 404, 500},
    "deleteReservation": {202, 400, 401, 403, 404, 500},
    "getVersion": {200},
}
ADDED_ANSWERS = {"createReservation": {200, 409, 413, 415}, "getVersion": {500}}


@pytest.mark.parametrize("operation", sorted(PUBLISHED_ANSWERS))
def test_responses_are_those_of_the_contract_and_the_documented_additions(operation: str) -> None:
    (entry,) = [
        e for methods in DOCUMENT["paths"].values() for e in methods.values() if e["operationId"] == operation
    ]
    described = {int(status) for status in entry["responses"]}
    assert described == PUBLISHED_ANSWERS[operation] | ADDED_ANSWERS.get(operation, set())


def test_every_operation_but_version_and_offers_requires_a_token() -> None:
    (scheme,) = DOCUMENT["components"]["securitySchemes"]
    assert DOCUMENT["security"] == [{scheme: []}]
    public = [
        e["operationId"] for m in DOCUMENT["paths"].values() for e in m.values() if e.get("security") == []
    ]
    assert set(public) == {"getVersion", "searchOffers", "getPricing"}


@pytest.mark.parametrize("case", [c for c in API_CASES if c.function in OPERATIONS], ids=str)
def test_real_responses_match_the_document(case: ApiCase, stage: Stage) -> None:
    operation = OPERATIONS[case.function]
    case.after(stage)
    answer = stage.request_event(case.function, case.event)
    entry = DOCUMENT["paths"][operation.path][operation.method.lower()]
    response = _resolved(entry["responses"][str(answer.status)])
    if "content" in response:
        _assert_valid(response["content"]["application/json"]["schema"], answer.json)
    else:
        assert answer.text == ""
    described = {name.lower() for name in response["headers"]} | {"content-type"}
    assert set(answer.headers) <= described


# The contract


@pytest.mark.parametrize("name", sorted(contract.PUBLISHED))
def test_a_schema_keeps_the_fields_of_the_contract(name: str) -> None:
    published, ours = contract.PUBLISHED[name], SCHEMAS[name]
    added = contract.ADDED.get(name, frozenset())
    assert set(ours["properties"]) == set(published["properties"]) | added
    assert not added & set(ours["required"])


@pytest.mark.parametrize("name", sorted(contract.PUBLISHED))
def test_a_schema_requires_what_the_contract_requires(name: str) -> None:
    published, ours = set(contract.PUBLISHED[name]["required"]), set(SCHEMAS[name]["required"])
    # A response may guarantee more than the contract; a request may not require more.
    promised = {"trace_id"} if name == "error" else set()
    assert ours == published | promised


@pytest.mark.parametrize("name", sorted(contract.PUBLISHED))
def test_a_field_keeps_its_type_its_enumeration_and_its_limits(name: str) -> None:
    for field, published in contract.PUBLISHED[name]["properties"].items():
        ours = _resolved(SCHEMAS[name]["properties"][field])
        assert ours["type"] == published["type"], field
        assert ours.get("enum") == published.get("enum"), field
        assert ours.get("minimum") == published.get("minimum"), field


def test_names_keep_the_published_pattern() -> None:
    assert SCHEMAS["resourceMetadata"]["properties"]["name"]["pattern"] == NAME_PATTERN


def test_times_keep_their_format() -> None:
    for name, fields in (
        ("projectScopedResourceReadMetadata", ("creationTime", "deletionTime")),
        ("reservationV2Status", ("topologyObservedAt",)),
    ):
        for field in fields:
            assert SCHEMAS[name]["properties"][field]["format"] == "date-time"


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = DOCUMENT["components"][kind][name]
    return part


def _examples(part: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(part, dict):
        if "example" in part and "schema" in part:
            yield part["schema"], part["example"]
        for value in part.values():
            yield from _examples(value)
    elif isinstance(part, list):
        for value in part:
            yield from _examples(value)


def _assert_valid(schema: dict[str, Any], instance: Any) -> None:
    whole = DRAFT202012.create_resource(DOCUMENT)
    registry: Registry[Any] = Registry().with_resource("urn:document", whole)
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    problems = [e.message for e in Draft202012Validator(absolute, registry=registry).iter_errors(instance)]
    assert not problems, problems
