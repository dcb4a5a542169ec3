"""The published contracts as OpenAPI, used for fuzzing, equal those of the contract tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gpu_capacity.http.operations import OPERATIONS
from tests.functional import contract
from tests.functional.contract_words import NAME_PATTERN
from tools.fuzz.campaign import OWN, PUBLISHED, operations_of, served
from tools.openapi.document import operation_id

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS: dict[str, Any] = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) for path in PUBLISHED
}
NARROWER = {"pattern", "format"}
"""The contract tests know more of ids, times and hashes than was published."""


def _shape(schema: Any, schemas: dict[str, Any]) -> Any:
    """A schema without what either side may specify further, with references resolved."""
    if isinstance(schema, list):
        return [_shape(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _shape(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return {key: _shape(value, schemas) for key, value in schema.items() if key not in NARROWER}


@pytest.mark.parametrize("name", contract.PUBLISHED)
def test_the_schemas_of_reservations_are_those_of_the_contract_tests(name: str) -> None:
    schemas = DOCUMENTS["reservations"]["components"]["schemas"]
    assert _shape(schemas[name], schemas) == _shape(contract.PUBLISHED[name], {})


def test_the_pattern_of_names_is_the_published_one() -> None:
    schemas = DOCUMENTS["reservations"]["components"]["schemas"]
    assert schemas["resourceMetadata"]["properties"]["name"]["pattern"] == NAME_PATTERN


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_schema_is_valid(name: str) -> None:
    for schema in DOCUMENTS[name]["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_contract_is_served_under_its_own_paths(path: Path) -> None:
    own, known = json.loads(OWN.read_text(encoding="utf-8"))["paths"], served(path)
    places = {o["operationId"]: (m, p) for p, methods in own.items() for m, o in methods.items()}
    for where, methods in DOCUMENTS[path.stem]["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in known:
                found = places[operation["operationId"]]
                assert (found[0], _unnamed(found[1])) == (method, _unnamed(where))


def _unnamed(path: str) -> list[str]:
    return ["{}" if part.startswith("{") else part for part in path.split("/")]


def test_the_projects_own_document_describes_every_operation() -> None:
    assert operations_of(OWN) == {operation_id(name) for name in OPERATIONS}
