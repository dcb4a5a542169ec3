"""Every bad input through the real handlers: the right refusal in the right format, and no other effect."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from testkit.hostile.corpus import CORPUS
from testkit.hostile.service import TRACE_ID
from testkit.hostile.vm_bad import VM_CORPUS
from tests.functional import contract

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer
    from testkit.hostile.bad import Bad
    from testkit.hostile.service import Service

WORDS: Final = {
    400: "invalid_request",
    401: "access_denied",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "conflict",
    413: "request_entity_too_large",
    415: "unsupported_media_type",
    428: "invalid_request",
}
GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 409: 6, 413: 3, 415: 3}
DETAILS: Final = {400: "BadRequest", 404: "ResourceInfo", 409: "ResourceInfo"}
INSIDES: Final = re.compile(
    r"Traceback|File \"|\.py\b|pydantic|botocore|DynamoDB|Exception|Error\b|<class|0x[0-9a-f]{6}|line \d+"
    r"|\b[A-Z]\w+\("
)

PLACES: Final = {"body", "query", "header"}
EVERY: Final = [*(("service", bad) for bad in CORPUS), *(("vms", bad) for bad in VM_CORPUS)]


def _identity(bad: object) -> str:
    return str(bad).encode("ascii", "backslashreplace").decode()[:100]


def _answer(service: Service, bad: Bad) -> Answer:
    authorization = bad.authorization
    if authorization is None:
        authorization = f"Bearer {service.token('owner')}"
    return service.send(service.named(bad.ask), authorization)


def _assert_reservations_shape(answer: Answer) -> None:
    contract.assert_is(contract.ERROR, answer.json)
    assert answer.json["error"] == WORDS[answer.status]
    assert answer.json["trace_id"] == TRACE_ID
    fields = answer.json.get("errors")
    assert set(answer.json) - {"errors"} == {"error", "error_description", "trace_id"}
    about_the_whole_body = any(text in answer.text for text in ("not valid JSON", "not valid base64"))
    assert (fields is not None) == (answer.status == 400 and not about_the_whole_body), answer.text
    if fields is not None:
        assert fields
        assert all(problem.keys() == {"field", "problem"} for problem in fields)


def _assert_claims_shape(answer: Answer, bad: Bad) -> None:
    body = answer.json
    assert set(body) == {"code", "message", "details"}
    assert body["code"] == GRPC_CODES[answer.status]
    assert body["message"]
    kinds = [detail["@type"].rpartition(".")[2] for detail in body["details"]]
    assert kinds[-1] == "RequestInfo"
    assert body["details"][-1]["requestId"] == TRACE_ID
    fits = kinds[:-1] in ([], [DETAILS.get(answer.status)])
    assert fits, kinds
    for detail in body["details"]:
        for violation in detail.get("fieldViolations", ()):
            assert violation.keys() == {"field", "description"}
            assert violation["description"]


def _assert_vms_shape(answer: Answer) -> None:
    assert answer.headers["x-trace-id"] == TRACE_ID
    # The GPUs that a full node could still provide, so that clients need not read the text.
    assert answer.json.keys() - ({"capacity"} if answer.status == 400 else set()) == {"detail"}
    detail = answer.json["detail"]
    assert detail
    problems: list[dict[str, Any]] = detail if answer.status == 422 else []
    assert isinstance(detail, list if answer.status == 422 else str)
    for problem in problems:
        assert set(problem) == {"loc", "msg", "type"}
        assert problem["loc"][0] in PLACES
        assert all(isinstance(part, str | int) for part in problem["loc"])
        assert isinstance(problem["msg"], str)
        assert re.fullmatch(r"[a-z_]+", problem["type"])


def _assert_repeats_nothing(text: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert value not in text
        assert json.dumps(value)[1:-1] not in text
        assert value[:60] not in text


@pytest.mark.parametrize(("api", "bad"), EVERY, ids=_identity)
def test_a_bad_input_is_refused_and_changes_nothing(
    request: pytest.FixtureRequest, api: str, bad: Bad
) -> None:
    service: Service = request.getfixturevalue(api)
    tables, executions = service.db.dump(), list(service.stage.step_functions.executions)
    logged = len(service.stage.log)
    answer = _answer(service, bad)
    assert answer.status == bad.status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    assert ("allow" in answer.headers) == (answer.status == 405)
    assert bad.ask.method not in answer.headers.get("allow", "").split(", ")
    if api == "vms":
        _assert_vms_shape(answer)
    elif bad.ask.path.startswith("/v1alpha1"):
        _assert_claims_shape(answer, bad)
    else:
        _assert_reservations_shape(answer)
    assert not INSIDES.search(answer.text), answer.text
    _assert_repeats_nothing(answer.text, bad.values)
    _assert_repeats_nothing(service.stage.log[logged:], bad.values)
    assert service.db.dump() == tables
    assert list(service.stage.step_functions.executions) == executions


def test_the_corpora_cover_every_api_and_every_refusal() -> None:
    assert len(CORPUS) >= 300
    apis = Counter(bad.ask.path.startswith("/v1alpha1") for bad in CORPUS)
    assert min(apis.values()) >= 150
    assert {bad.status for bad in CORPUS} == {400, 401, 403, 404, 405, 409, 412, 413, 415, 428}
    assert len(VM_CORPUS) >= 200
    assert {bad.status for bad in VM_CORPUS} == {400, 401, 403, 404, 405, 422}
    posted = {bad.ask.path for bad in VM_CORPUS if bad.ask.method == "POST" and bad.status == 422}
    assert posted == {"/vms", "/ssh-keys", "/auth/api-key", "/reservations/calculate"}


@pytest.mark.parametrize(("api", "some"), [("service", CORPUS[::37]), ("vms", VM_CORPUS[::29])])
def test_a_response_does_not_depend_on_earlier_refused_requests(
    request: pytest.FixtureRequest, api: str, some: tuple[Bad, ...]
) -> None:
    """An environment serves one request after another and caches some of what it read."""
    service: Service = request.getfixturevalue(api)
    first = [_answer(service, bad) for bad in some]
    again = [_answer(service, bad) for bad in reversed(some)]
    assert first == again[::-1]
