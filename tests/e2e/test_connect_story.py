"""The Connect routes against the real template: octet by octet, and through the library of its makers."""

from __future__ import annotations

import http.client
import time
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from connectrpc.client import ConnectClientSync
from connectrpc.code import Code
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType

from gpu_capacity.http.operations import CONNECT_SERVICE
from testkit.connect_messages import SERVICE, methods
from tests.e2e.stack import POLL_SECONDS
from tests.e2e.test_capacity_claims_story import ORGANIZATION, PROJECT, TEXAS

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

SECONDS_MAX: Final = 60
RESOURCES: Final = {
    "instance_id": "h200-8x",
    "instance_count": 2,
    "capacity_type": 3,
    "zones": [TEXAS],
}


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.token(ORGANIZATION, PROJECT)


class Library:
    """The published client library of Connect, with the compiled messages."""

    def __init__(self, stack: Stack, token: str, codec: Any) -> None:
        self._client = ConnectClientSync(stack.url, codec=codec)
        self._headers = {"authorization": f"Bearer {token}"}

    def call(self, method: str, **content: Any) -> Any:
        request, response = methods()[method]
        info: Any = MethodInfo(
            name=method,
            service_name=SERVICE,
            input=request,
            output=response,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=StreamType.UNARY,
        )
        return self._client.execute_unary(request=request(**content), method=info, headers=self._headers)


def _post(stack: Stack, token: str, method: str, octets: bytes) -> tuple[int, dict[str, str], bytes]:
    """A call as connect-go sends it: without `Accept`, and without a length of its own choosing."""
    address = urlsplit(stack.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS_MAX)
    connection.putrequest("POST", f"{CONNECT_SERVICE}/{method}", skip_accept_encoding=True)
    for name, value in {
        "Authorization": f"Bearer {token}",
        "Connect-Protocol-Version": "1",
        "Content-Type": "application/proto",
        "Accept-Encoding": "gzip",
        "Content-Length": str(len(octets)),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(octets)
    answer = connection.getresponse()
    headers, body = {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return answer.status, headers, body


def _wait_until_gone(stack: Stack, token: str, claim_id: str) -> None:
    """Other stories count what is free."""
    deadline = time.monotonic() + SECONDS_MAX
    named = b"\x0a\x24" + claim_id.encode()
    while (answer := _post(stack, token, "GetCapacityClaim", named))[0] == 200:
        assert time.monotonic() < deadline, answer
        time.sleep(POLL_SECONDS)
    assert (answer[0], b'"not_found"' in answer[2]) == (404, True)


def test_a_claim_lives_through_calls_octet_by_octet(stack: Stack, token: str) -> None:
    claims = methods()["CreateCapacityClaim"][1]
    # "tf-b", 200 instances of h200-8x, MANAGED, in us-tex-1: the count has an octet above 127.
    octets = b'\x12\x04tf-b"\x18\x0a\x07h200-8x\x10\xc8\x01\x18\x03"\x08us-tex-1'
    status, headers, body = _post(stack, token, "CreateCapacityClaim", octets)
    assert (status, headers["content-type"]) == (200, "application/proto"), body
    made = claims.FromString(body).capacity_claim
    assert (made.spec.name, made.spec.resources.instance_count) == ("tf-b", 200)
    assert made.status.allocated_instances == 200
    named = b"\x0a\x24" + made.spec.id.encode()
    assert (
        claims.FromString(_post(stack, token, "GetCapacityClaim", named)[2]).capacity_claim.spec == made.spec
    )
    assert _post(stack, token, "DeleteCapacityClaim", named)[0] == 200
    _wait_until_gone(stack, token, made.spec.id)
    status, headers, body = _post(stack, token, "Reserve", named)
    assert (status, headers["content-type"], b'"unimplemented"' in body) == (404, "application/json", True)


CODECS: Final = {"binary": google_protobuf_binary_codec(), "JSON": google_protobuf_json_codec()}


@pytest.mark.parametrize("encoding", CODECS)
def test_the_published_library_creates_changes_and_deletes(stack: Stack, token: str, encoding: str) -> None:
    """It compresses its requests."""
    client, name = Library(stack, token, CODECS[encoding]), f"library-{uuid.uuid4().hex[:8]}"
    zones = client.call("GetCapacityClaimParameters").zone_instance_types
    assert list(zones[TEXAS].instance_ids) == ["gb300-4x", "h200-8x"]
    made = client.call("CreateCapacityClaim", name=name, resources=RESOURCES).capacity_claim
    assert (made.status.status, made.status.allocated_instances) == (6, 2)
    changed = client.call(
        "UpdateCapacityClaim", id=made.spec.id, resources=RESOURCES | {"instance_count": 3}
    ).capacity_claim
    assert changed.status.allocated_instances == 3
    listed = client.call("ListCapacityClaims", updated_after=made.status.updated_at).capacity_claims
    assert changed in listed
    gone = client.call("DeleteCapacityClaim", id=made.spec.id).capacity_claim
    assert gone.status.status == 3
    _wait_until_gone(stack, token, made.spec.id)


def test_the_published_library_understands_the_errors(stack: Stack, token: str) -> None:
    client = Library(stack, token, google_protobuf_binary_codec())
    unknown = str(uuid.uuid4())
    for name, content, code in (
        ("GetCapacityClaim", {"id": unknown}, Code.NOT_FOUND),
        ("GetCapacityClaim", {"id": "inference"}, Code.INVALID_ARGUMENT),
        ("CreateCapacityClaim", {"resources": RESOURCES | {"zones": ["us-no-1"]}}, Code.INVALID_ARGUMENT),
    ):
        with pytest.raises(ConnectError) as refused:
            client.call(name, **content)
        assert refused.value.code == code
        assert len(refused.value.details) == 2
    with pytest.raises(ConnectError) as stranger:
        Library(stack, "no-token", google_protobuf_binary_codec()).call("ListCapacityClaims")
    assert stranger.value.code == Code.UNAUTHENTICATED
