"""Each API's page lists its operations, with the statuses of the published document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import jmespath
import pytest

from gpu_capacity.http.operations import CLAIMS, OPERATIONS

DOCS: Final = Path(__file__).parents[2] / "docs"
OPENAPI: Final = json.loads((DOCS / "openapi.json").read_text("utf-8"))["paths"]
PAGES: Final[dict[str, str | tuple[str, ...]]] = {
    "slurm.md": ("/v1/topology", "/v2/instances"),
    "placements.md": "/api/v2/placements",
    "reservations.md": "/api/",
    "capacity-claims.md": CLAIMS,
    "operator-api.md": "/operator/",
    "vms-api.md": "/",
}
ROW: Final = re.compile(r"^\| (\w+) \| `([A-Z]+) ([^`?]+)\S*` \| (.*) \|(.*)\|$", re.MULTILINE)
BEYOND: Final = re.compile(r"errors beyond ([\d, ]+) \|")
STATUS: Final = re.compile(r"\b[1-5]\d\d\b")


def _api(path: str) -> str:
    return next(page for page, beginning in PAGES.items() if path.startswith(beginning))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_lists_every_operation_of_its_api(page: str) -> None:
    prefix = CLAIMS if page == "capacity-claims.md" else ""
    rows = ROW.findall((DOCS / page).read_text("utf-8"))

    assert {(name, method, (prefix + path).rstrip("/")) for name, method, path, _, _ in rows} == {
        (operation.name, operation.method, operation.path)
        for operation in OPERATIONS.values()
        if _api(operation.path) == page
    }


@pytest.mark.parametrize("page", PAGES)
def test_the_statuses_of_an_operation_are_the_published_ones(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    beyond = BEYOND.search(text)
    assert beyond is not None
    always = set(STATUS.findall(beyond[1]))
    for name, method, _, success, errors in ROW.findall(text):
        published = set(OPENAPI[OPERATIONS[name].path][method.lower()]["responses"])
        reported = set(STATUS.findall(errors)) | (set(STATUS.findall(success)) or {"200"})
        assert published - always == reported - always, name


def test_a_restore_stops_every_function_but_the_steps_of_workflows() -> None:
    query = re.search(r'--query \\\n\s+"([^"]+)"', (DOCS / "operations.md").read_text("utf-8"))
    template = (DOCS.parent / "template.yaml").read_text("utf-8")
    functions = set(re.findall(r"^  (\w+):\n    Type: AWS::Serverless::Function$", template, re.MULTILINE))
    stack = [
        {"ResourceType": kind, "LogicalResourceId": name, "PhysicalResourceId": name}
        for kind, names in {
            "AWS::Lambda::Function": functions,
            "AWS::DynamoDB::Table": ["HoldersTable"],
        }.items()
        for name in names
    ]

    assert query is not None
    stopped = jmespath.search(query[1], {"StackResourceSummaries": stack})
    assert functions - set(stopped) == {
        "ReservationStepsFunction",
        "CapacityClaimStepsFunction",
        "PlacementStepsFunction",
        "VmStepsFunction",
    }
    assert set(stopped) <= functions
