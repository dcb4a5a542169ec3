"""Errors of the Connect service: the words, the statuses, the details in binary; and hostile requests."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from gpu_capacity.capacity_claims.api.connect_errors import ConnectErrors
from gpu_capacity.errors import CapacityError, RaceLost, StorageUnavailable
from gpu_capacity.http.call import BODY_BYTES_MAX
from gpu_capacity.http.operations import CONNECT_SERVICE
from testkit.auditor import audit
from testkit.handlers import claim_stage as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import sample
from testkit.handlers.claim_stage import CLAIM_ID
from tests.capacity_claims.connect_client import (
    FUNCTIONS,
    call,
    call_in_json,
    connect_event,
    details,
    message,
)

if TYPE_CHECKING:
    from testkit.handlers.claim_stage import ClaimStage
    from testkit.handlers.stage import Answer

RESOURCES: Final[dict[str, Any]] = {
    "instance_id": "gb300-4x",
    "instance_count": 12,
    "capacity_type": 2,
    "zones": ["us-chi-1", "uk-lon-1"],
}
REQUEST: Final = b"\x0a\x20" + sample_events.TRACE_ID.encode()
"""The last detail of every error: the id of the request."""


def _texts(**fields: str) -> bytes:
    """A message of texts by their numbers, f1 and so on; written by hand, like all octets here."""
    octets = b""
    for name, text in fields.items():
        octets += bytes([int(name[1:]) << 3 | 2, len(text)]) + text.encode()
    return octets


def _inside(octets: bytes) -> bytes:
    return b"\x0a" + bytes([len(octets)]) + octets


def _assert_error(answer: Answer, status: int, code: str, *expected: tuple[str, bytes]) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert set(answer.json) == {"code", "message", "details"}
    assert details(answer) == [*expected, ("google.rpc.RequestInfo", REQUEST)]


def test_wrong_fields_are_named_by_their_paths_in_the_messages(stage: ClaimStage) -> None:
    sample(stage)
    sent = message("CreateCapacityClaim", resources=RESOURCES | {"zones": ["us-chi-1", "us-no-1"]})
    answer = call(stage, "CreateCapacityClaim", sent)
    said = answer.json["details"][0]["debug"]["fieldViolations"][0]["description"]
    violation = _texts(f1="resources.zones[1]", f2=said)
    _assert_error(answer, 400, "invalid_argument", ("google.rpc.BadRequest", _inside(violation)))
    assert answer.json["message"] == f"resources.zones[1]: {said}"


def test_a_claim_that_is_not_there_is_named(stage: ClaimStage) -> None:
    sample(stage)
    answer = call(stage, "GetCapacityClaim", message("GetCapacityClaim", id=CLAIM_ID))
    told = _texts(f1="CapacityClaim", f2=CLAIM_ID, f4=answer.json["message"])
    _assert_error(answer, 404, "not_found", ("google.rpc.ResourceInfo", told))


def test_a_name_that_is_taken_is_refused_with_the_claim_that_has_it(stage: ClaimStage) -> None:
    given.claimed(stage)
    answer = call(
        stage, "CreateCapacityClaim", message("CreateCapacityClaim", name="inference", resources=RESOURCES)
    )
    told = _texts(f1="CapacityClaim", f2="inference", f4=answer.json["message"])
    assert CLAIM_ID in answer.json["message"]
    _assert_error(answer, 409, "already_exists", ("google.rpc.ResourceInfo", told))


def test_a_claim_that_is_being_deleted_cannot_be_changed(stage: ClaimStage) -> None:
    given.deleted(stage)
    answer = call(
        stage, "UpdateCapacityClaim", message("UpdateCapacityClaim", id=CLAIM_ID, resources=RESOURCES)
    )
    violation = _texts(f1="STATUS_DELETING", f2=CLAIM_ID, f3=answer.json["message"])
    _assert_error(answer, 400, "failed_precondition", ("google.rpc.PreconditionFailure", _inside(violation)))


def test_a_quota_is_refused_with_its_figures(stage: ClaimStage) -> None:
    given.claimed_and_limited(stage)
    answer = call(
        stage, "UpdateCapacityClaim", message("UpdateCapacityClaim", id=CLAIM_ID, resources=RESOURCES)
    )
    debug = answer.json["details"][0]["debug"]["violations"][0]
    violation = _texts(f1="organization:instances", f2=answer.json["message"], f4="instances")
    for key, value in debug["quotaDimensions"].items():
        entry = _texts(f1=key, f2=value)
        violation += bytes([6 << 3 | 2, len(entry)]) + entry
    violation += bytes([7 << 3, int(debug["quotaValue"])])
    length = len(violation)
    told = (
        b"\x0a" + (bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])) + violation
    )
    _assert_error(answer, 429, "resource_exhausted", ("google.rpc.QuotaFailure", told))


@pytest.mark.parametrize("error", [RaceLost("rivals"), StorageUnavailable("busy", outcome_unknown=True)])
def test_what_is_worth_a_repeat_is_unavailable_and_says_when(error: CapacityError) -> None:
    reply = ConnectErrors().refuse(error, "t")
    assert (reply.status, reply.body["code"], reply.headers["Retry-After"]) == (503, "unavailable", "1")
    assert ConnectErrors().unexpected("t").body["code"] == "internal"
    assert ConnectErrors().unexpected("t").status == 500


@pytest.mark.parametrize("claim_id", ["", "inference", CLAIM_ID.replace("-", ""), f"{{{CLAIM_ID}}}"])
@pytest.mark.parametrize("method", ["GetCapacityClaim", "UpdateCapacityClaim", "DeleteCapacityClaim"])
def test_an_id_has_to_be_a_uuid(stage: ClaimStage, method: str, claim_id: str) -> None:
    answer = call(stage, method, message(method, id=claim_id))
    told = _inside(_texts(f1="id", f2="must be a UUID"))
    _assert_error(answer, 400, "invalid_argument", ("google.rpc.BadRequest", told))


@pytest.mark.parametrize("number", [0, 1, 4, 99, -1])
def test_a_capacity_type_without_a_name_is_refused(stage: ClaimStage, number: int) -> None:
    sample(stage)
    resources = RESOURCES | {"capacity_type": number}
    answer = call(stage, "CreateCapacityClaim", message("CreateCapacityClaim", resources=resources))
    told = _texts(f1="resources.capacity_type", f2="must be CAPACITY_TYPE_CUSTOMER or CAPACITY_TYPE_MANAGED")
    _assert_error(answer, 400, "invalid_argument", ("google.rpc.BadRequest", _inside(told)))


@pytest.mark.parametrize(
    ("resources", "fields"),
    [
        (None, ["resources"]),
        ({"capacity_type": 3}, ["resources.instance_id", "resources.instance_count", "resources.zones"]),
        (RESOURCES | {"instance_count": (1 << 32) - 1}, ["resources.instance_count"]),
        (RESOURCES | {"zones": ["a", "A"]}, ["resources.zones"]),
    ],
)
def test_what_is_not_sent_is_refused_by_its_name(
    stage: ClaimStage, resources: dict[str, Any] | None, fields: list[str]
) -> None:
    for method, more in (("CreateCapacityClaim", {}), ("UpdateCapacityClaim", {"id": CLAIM_ID})):
        content = more | ({} if resources is None else {"resources": resources})
        answer = call(stage, method, message(method, **content))
        violations = answer.json["details"][0]["debug"]["fieldViolations"]
        assert (answer.status, [v["field"] for v in violations]) == (400, fields)


# Bodies and headers


@pytest.mark.parametrize(
    "media_type",
    [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/connect+proto",
        "application/connect+json",
        "application/x-protobuf",
        "application/proto; charset=utf-8",
        "application/json; charset=latin-1",
        "text/plain",
        "",
        None,
    ],
)
def test_another_content_type_is_415(stage: ClaimStage, media_type: str | None) -> None:
    answer = call(stage, "ListCapacityClaims", content_type=media_type)
    _assert_error(answer, 415, "unknown")
    assert answer.headers["accept-post"] == "application/proto, application/json"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", ""])
def test_another_compression_is_unimplemented_and_no_defect(stage: ClaimStage, encoding: str) -> None:
    answer = call(stage, "ListCapacityClaims", b"x", content_encoding=encoding)
    _assert_error(answer, 501, "unimplemented")
    assert answer.headers["accept-encoding"] == "gzip"
    assert "request failed" not in stage.log


@pytest.mark.parametrize(
    "octets",
    [
        b"no gzip",
        gzip.compress(b"", mtime=0)[:-1],
        gzip.compress(b"\x0a\x01a", mtime=0)[:-8],
        gzip.compress(b"\x0a\x01a", mtime=0) + b"more",
        gzip.compress(b"\x0a\x01a", mtime=0)[:-8] + bytes(8),
        zlib.compress(b"\x0a\x01a"),
    ],
)
def test_what_is_no_gzip_is_refused(stage: ClaimStage, octets: bytes) -> None:
    answer = call(stage, "GetCapacityClaim", octets, content_encoding="gzip")
    _assert_error(answer, 400, "invalid_argument")
    assert answer.json["message"] == "the request body is not valid gzip"


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, 50_000_000])
def test_a_body_that_is_large_once_it_is_unpacked_is_refused(stage: ClaimStage, size: int) -> None:
    packed = gzip.compress(bytes(size), compresslevel=1)
    _assert_error(call(stage, "GetCapacityClaim", packed, content_encoding="gzip"), 400, "invalid_argument")
    many = gzip.compress(bytes(BODY_BYTES_MAX)) + gzip.compress(b"x")
    answer = call(stage, "GetCapacityClaim", many, content_encoding="gzip")
    assert answer.json["message"] == f"the request body is larger than {BODY_BYTES_MAX} bytes"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("connect_protocol_version", "2"),
        ("connect_protocol_version", ""),
        ("connect_timeout_ms", "-1"),
        ("connect_timeout_ms", "1e3"),
        ("connect_timeout_ms", "12345678901"),
        ("connect_timeout_ms", "٣"),
    ],
)
def test_headers_of_the_protocol_are_checked(stage: ClaimStage, header: str, value: str) -> None:
    answer = call(stage, "ListCapacityClaims", headers={header: value})
    assert (answer.status, answer.json["code"]) == (400, "invalid_argument")
    (violation,) = answer.json["details"][0]["debug"]["fieldViolations"]
    assert violation["field"].lower() == f"header {header.replace('_', '-')}"


def test_a_query_is_refused_because_a_message_has_everything(stage: ClaimStage) -> None:
    event = sample_events.with_query(connect_event("CreateCapacityClaim", b""), dryRun=["true"])
    answer = stage.request("create_capacity_claim", event)
    assert (answer.status, answer.json["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize(
    ("text", "status"),
    [(b"", 400), (b"[]", 400), (b"{", 400), (b'{"id": "a", "id": "b"}', 400), (b"{}", 200)],
)
def test_a_body_in_json_is_one_object(stage: ClaimStage, text: bytes, status: int) -> None:
    sample(stage)
    answer = call(stage, "ListCapacityClaims", text, content_type="application/json")
    assert answer.status == status
    assert status == 200 or answer.json["code"] == "invalid_argument"


def test_a_field_in_json_that_does_not_fit_is_named(stage: ClaimStage) -> None:
    answer = call_in_json(stage, "CreateCapacityClaim", {"resources": {"instanceCount": -1}})
    told = _texts(f1="resources.instance_count", f2="must be a whole number from 0 to 4294967295")
    _assert_error(answer, 400, "invalid_argument", ("google.rpc.BadRequest", _inside(told)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given_any(
    method=st.sampled_from(sorted(FUNCTIONS)),
    octets=st.binary(max_size=80),
    in_json=st.booleans(),
    packed=st.booleans(),
)
def test_no_octets_are_a_defect_or_come_back(
    stage: ClaimStage, method: str, octets: bytes, *, in_json: bool, packed: bool
) -> None:
    if not stage.db.dump():
        given.claimed(stage)
    headers = {"content_type": "application/json"} if in_json else {}
    answer = call(stage, method, octets, headers=headers | ({"content_encoding": "gzip"} if packed else {}))
    assert answer.status in {200, 400, 404}
    assert answer.status == 200 or isinstance(answer.json["code"], str)
    assert "request failed" not in stage.log
    assert audit(stage.db) == []


# Routes


@pytest.mark.parametrize(
    "path",
    [
        f"{CONNECT_SERVICE}/ReserveCapacityClaim",
        f"{CONNECT_SERVICE}/createCapacityClaim",
        f"{CONNECT_SERVICE}/",
        CONNECT_SERVICE,
        f"{CONNECT_SERVICE}/GetCapacityClaim/",
        "/coreweave.inference.v1alpha1.DeploymentService/GetDeployment",
    ],
)
def test_a_method_that_does_not_exist_is_unimplemented(stage: ClaimStage, path: str) -> None:
    event = sample_events.with_path(sample_events.read("reject_unknown_route", "root"), path, "POST")
    _assert_error(stage.request("reject_unknown_route", event), 404, "unimplemented")


@pytest.mark.parametrize("verb", ["GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_is_called_by_post_only(stage: ClaimStage, verb: str) -> None:
    path = f"{CONNECT_SERVICE}/GetCapacityClaim"
    event = sample_events.with_path(sample_events.read("reject_unknown_route", "root"), path, verb)
    answer = stage.request("reject_unknown_route", event)
    _assert_error(answer, 405, "unimplemented")
    assert answer.headers["allow"] == "POST"


def test_the_event_of_a_gateway_that_passes_text_is_read_as_well(stage: ClaimStage) -> None:
    """Octets below 128 survive it."""
    sample(stage)
    event = sample_events.read("create_capacity_claim", "over_connect")
    text = base64.b64decode(event["body"]).decode()
    answer = stage.request("create_capacity_claim", event | {"body": text, "isBase64Encoded": False})
    assert answer.status == 200
