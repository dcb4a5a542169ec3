"""The statuses, error bodies and limits in docs/three-apis.md match the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from gpu_capacity import access
from gpu_capacity.accounts import api_key, ssh_key
from gpu_capacity.accounts.api.models import PUBLIC_KEY_LENGTH_MAX
from gpu_capacity.capacity_claims import record as claim
from gpu_capacity.capacity_claims import settle
from gpu_capacity.capacity_claims.api.errors import ClaimErrors
from gpu_capacity.capacity_claims.api.models import NAME_PATTERN, ClaimCreate
from gpu_capacity.errors import (
    ActionRefused,
    CapacityError,
    Conflict,
    CredentialFault,
    FailedPrecondition,
    Forbidden,
    InsufficientCapacity,
    InvalidRequest,
    KeyReused,
    NotFound,
    QuotaExceeded,
    RaceLost,
    RateLimited,
    SliceUnavailable,
    StateConflict,
    Unauthenticated,
)
from gpu_capacity.http import call, pages
from gpu_capacity.placement.model import Unplaceable
from gpu_capacity.placement.slices import SLICE_SIZES
from gpu_capacity.reservations import claiming
from gpu_capacity.reservations import record as reservation
from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.reservations.api.models import LABEL_PATTERN, ReservationCreate
from gpu_capacity.vms import proceed
from gpu_capacity.vms import record as vm
from gpu_capacity.vms.api import models as vm_models
from gpu_capacity.vms.api.errors import VmErrors
from tests.template.loading import template

if TYPE_CHECKING:
    from typing import TypeAlias

    from gpu_capacity.http.call import Reply

    Errors: TypeAlias = ReservationErrors | ClaimErrors | VmErrors

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "three-apis.md").read_text("utf-8")
OPENAPI: Final = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
TRACE: Final = re.findall(r'"trace_id": "(\w{32})"', PAGE)[0]
APIS: Final[tuple[Errors, ...]] = (ReservationErrors(), ClaimErrors(), VmErrors())
NOTHING: Final = "—"


def _rows(heading: str) -> dict[str, list[str]]:
    """The cells of the first table under a heading, by the row's first one."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert lines is not None
    cells = [
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[0].splitlines(keepends=True)
    ]
    return {first: others for first, *others in cells[2:]}


def _refused(error: CapacityError | None, api: Errors) -> str:
    return NOTHING if error is None else _cell(api.refuse(error, TRACE))


def _cell(reply: Reply) -> str:
    word, code = reply.body.get("error"), reply.body.get("code")
    return f"{reply.status}" + (f" `{word}`" if word else "") + (f", code {code}" if code else "")


FULL: Final = Unplaceable(
    requested=9, available=8, largest_run=8, largest_possible=8, claimed=0, cordoned=0, incomplete=0
)
REFUSALS: Final[dict[str, CapacityError | tuple[CapacityError | None, ...]]] = {
    "the body is not JSON": call.MalformedBody("no JSON"),
    "a field is wrong": call.BodyInvalid([{"loc": ("count",), "msg": "wrong", "type": "wrong"}]),
    "a header or parameter is wrong": InvalidRequest("query limit", "wrong"),
    "no credential, or a bad one": Unauthenticated(CredentialFault.MISSING),
    "not permitted": Forbidden("not permitted"),
    "absent, or of another organization": NotFound("absent"),
    "the key or id was used for another request": (
        Conflict("used"),
        KeyReused("CapacityClaim", "id"),
        KeyReused("VM", "id"),
    ),
    "its state does not allow it": (
        StateConflict("the placement is being deleted"),
        FailedPrecondition("STATUS_DELETING", "id", "going"),
        ActionRefused("a VM that is stopped cannot be stopped"),
    ),
    f"body above {call.BODY_BYTES_MAX // 1024} KiB": call.BodyTooLarge("too large"),
    "not `application/json`": call.UnsupportedMediaType("no JSON"),
    "over a quota": QuotaExceeded("GB300", "units", requested=1, limit=1, used=1),
    "too many requests": RateLimited(30),
    "no room": (
        InsufficientCapacity(FULL),
        None,
        SliceUnavailable("full", requested=8, largest=4, most=8),
    ),
    "rivals won every attempt, or the database did not answer": RaceLost("lost"),
}


def test_the_refusals_on_the_page_match_the_code() -> None:
    wanted = {
        case: [
            _refused(error, api)
            for error, api in zip(errors if isinstance(errors, tuple) else (errors,) * 3, APIS, strict=True)
        ]
        for case, errors in REFUSALS.items()
    }
    wanted["wrong method"] = [_cell(api.wrong_method(["GET"], TRACE)) for api in APIS]
    wanted["a defect"] = [_cell(api.unexpected(TRACE)) for api in APIS]

    assert _rows("Refusals") == wanted


WRONG: Final[tuple[tuple[type[BaseModel], dict[str, Any]], ...]] = (
    (
        ReservationCreate,
        {
            "metadata": {"name": "training"},
            "spec": {
                "organizationId": "organization",
                "projectId": "project",
                "regionId": "us-tex-1",
                "accelerator": "GB300",
                "unit": "NVL72",
                "count": 0,
            },
        },
    ),
    (
        ClaimCreate,
        {
            "resources": {
                "instanceId": "gb300-4x",
                "instanceCount": 0,
                "zones": ["us-tex-1"],
                "capacityType": "CAPACITY_TYPE_CUSTOMER",
            }
        },
    ),
    (
        vm_models.VmCreate,
        {"node": "vm05", "gpu_type": "4090", "gpu_count": 0, "storage_gb": 100, "template_vmid": 101},
    ),
)


def test_each_api_answers_the_same_mistake_as_the_page_shows() -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    answered = []
    for (model, body), api in zip(WRONG, APIS, strict=True):
        with pytest.raises(ValidationError) as caught:
            model.model_validate(body)
        answered.append(api.refuse(call.BodyInvalid(call.problems_of(caught.value)), TRACE).body)

    assert shown == json.loads(json.dumps(answered))


def test_the_successes_on_the_page_match_the_published_document() -> None:
    claims = "/v1alpha1/inference/capacityclaims"
    operations = {
        "create": [("/api/v2/reservations", "post"), (claims, "post"), ("/vms", "post")],
        "read": [
            ("/api/v2/reservations/{reservationID}", "get"),
            (f"{claims}/{{claimID}}", "get"),
            ("/vms/{id}", "get"),
        ],
        "list": [("/api/v2/reservations", "get"), (claims, "get"), ("/vms", "get")],
        "delete": [
            ("/api/v2/reservations/{reservationID}", "delete"),
            (f"{claims}/{{claimID}}", "delete"),
            ("/vms/{id}", "delete"),
        ],
    }
    rows = {case: [cell[:3] for cell in cells] for case, cells in _rows("Success").items()}
    for case, places in operations.items():
        for reported, (path, method) in zip(rows[case], places, strict=True):
            found = {
                status for status in OPENAPI["paths"][path][method]["responses"] if status.startswith("2")
            }
            assert found == ({reported, "200"} if case == "create" else {reported}), (case, path)
    assert rows["create, dry run"] == ["200"] * 3
    assert rows.keys() == {*operations, "create, dry run"}


def _length(pattern: str) -> int:
    """The longest text of a pattern with two ends and this many characters between them."""
    found = re.search(r"\{0,(\d+)\}", pattern)
    assert found is not None
    return int(found[1]) + 2


def _tag() -> str:
    return f"name {reservation.TAG_NAME_BYTES_MAX} bytes, value {reservation.TAG_VALUE_BYTES_MAX} bytes"


def test_the_limits_on_the_page_match_the_code() -> None:
    parameters = template()["Parameters"]
    resources = OPENAPI["components"]["schemas"]["CapacityClaimResources"]["properties"]
    body = f"{call.BODY_BYTES_MAX // 1024} KiB"
    key = f"{call._IDEMPOTENCY_KEY.pattern.partition(',')[2].rstrip('}')} visible ASCII characters"
    page = f"{pages.PAGE_ENTRIES_MAX:,} entries"
    whole = f"whole, up to {pages.ANSWER_BYTES_MAX / 1e6:g} MB"
    reads, writes = (parameters[f"Vm{kind}PerMinute"]["Default"] for kind in ("Reads", "Writes"))
    assert parameters["ReadsPerMinute"]["Default"] == parameters["WritesPerMinute"]["Default"] == 0

    assert _rows("Limits") == {
        "one request": [
            f"{reservation.UNITS_PER_RESERVATION_MAX} units of one pod",
            f"{claim.INSTANCES_MAX:,} instances over {claim.ZONES_MAX} zones",
            f"{max(SLICE_SIZES)} GPUs of one node",
        ],
        "body": [body] * 3,
        "`Idempotency-Key`": [key] * 3,
        "name": [
            f"{_length(LABEL_PATTERN)} characters, may repeat",
            f"{_length(NAME_PATTERN)} characters, unique in the organization",
            NOTHING,
        ],
        "texts": [
            f"description {reservation.DESCRIPTION_BYTES_MAX:,} bytes",
            f"zone, instance type {resources['instanceId']['maxLength']} characters",
            f"node, GPU type {vm_models.WORD_LENGTH_MAX} characters",
        ],
        "labels": [
            f"{reservation.TAGS_MAX} tags, {_tag()}",
            NOTHING,
            NOTHING,
        ],
        "disk": [NOTHING, NOTHING, f"{vm.STORAGE_GB_MIN} to {vm_models.STORAGE_GB_MAX:,} GB"],
        "password": [
            NOTHING,
            NOTHING,
            f"{vm_models.PASSWORD_LENGTH_MIN} to {vm_models.PASSWORD_LENGTH_MAX} characters",
        ],
        "SSH keys": [
            NOTHING,
            NOTHING,
            f"{ssh_key.KEYS_PER_ACCOUNT_MAX} an account, {PUBLIC_KEY_LENGTH_MAX:,} characters each",
        ],
        "API keys": [
            NOTHING,
            NOTHING,
            f"{api_key.KEYS_PER_ACCOUNT_MAX} an account, name {api_key.NAME_LENGTH_MAX} characters",
        ],
        "a page of a list": [
            page,
            page,
            f"{vm_models.PAGE_MAX} entries, {vm_models.VmPage().limit} without `limit`",
        ],
        "a list without `limit`": [whole, whole, "one page"],
        "organizations in a token": [str(access.ORGANIZATIONS_MAX)] * 3,
        "lost races before a 500": [
            str(claiming.ATTEMPTS_MAX),
            str(settle.ATTEMPTS_MAX),
            str(proceed.ATTEMPTS_MAX),
        ],
        "requests a minute, by default": [
            "any number",
            "any number",
            f"{reads} reads and {writes} writes an account",
        ],
    }
