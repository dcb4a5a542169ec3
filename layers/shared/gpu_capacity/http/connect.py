"""The Connect protocol: unary calls over HTTP with bodies in binary or JSON, see https://connectrpc.com/docs.

Errors always have a JSON body, so they belong to the API whose errors they are.
"""

from __future__ import annotations

import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity import strict_json
from gpu_capacity.errors import InvalidRequest, RequestRefused
from gpu_capacity.http.call import (
    BODY_BYTES_MAX,
    BodyInvalid,
    BodyTooLarge,
    MalformedBody,
    Reply,
    UnsupportedMediaType,
)
from gpu_capacity.http.protobuf.json_form import Misfit, of_json
from gpu_capacity.http.protobuf.types import Malformed
from gpu_capacity.http.protobuf.wire import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.http.call import Call
    from gpu_capacity.http.protobuf.types import Message

PROTO: Final = "application/proto"
JSON: Final = "application/json"
TYPES: Final = {PROTO: PROTO, JSON: JSON, f"{JSON};charset=utf-8": JSON}
"""What a request may declare, and how it is answered."""

_VERSION: Final = "connect-protocol-version"
_TIMEOUT: Final = "connect-timeout-ms"
_TIMEOUT_DIGITS_MAX: Final = 10
_GZIP: Final = 16 + zlib.MAX_WBITS


class UnsupportedEncoding(RequestRefused):
    """The body is compressed in a way that is not understood."""


def received(call: Call[object], message: Message) -> dict[str, Any]:
    """The message that a request carries, in its JSON form.

    Raises:
        UnsupportedMediaType, InvalidRequest, UnsupportedEncoding, BodyTooLarge, MalformedBody, BodyInvalid:
            checked in this order.
    """
    media_type = media_type_of(call.headers)
    _check_headers(call.headers)
    octets = _uncompressed(call)
    return _of_binary(message, octets) if media_type == PROTO else _of_text(message, octets)


def answered(
    call: Call[object], message: Message, content: Mapping[str, Any], headers: dict[str, str]
) -> Reply:
    """200 with a message, in the encoding of the request. What the message does not have is left out."""
    media_type = media_type_of(call.headers)
    body = encode(message, content) if media_type == PROTO else of_json(message, content)
    return Reply(HTTPStatus.OK, body, headers | {"Content-Type": media_type})


def media_type_of(headers: Mapping[str, str]) -> str:
    """The media type of request and answer.

    Raises:
        UnsupportedMediaType: it is none of Connect's unary calls, such as one of gRPC.
    """
    declared = headers.get("content-type", "").replace(" ", "").lower()
    if declared not in TYPES:
        raise UnsupportedMediaType(f"the content type must be {PROTO} or {JSON}")
    return TYPES[declared]


def _check_headers(headers: Mapping[str, str]) -> None:
    if headers.get(_VERSION, "1") != "1":
        raise InvalidRequest("header Connect-Protocol-Version", "must be 1")
    # A client that gives up closes the connection. This service's own limit is shorter than most clients'.
    timeout = headers.get(_TIMEOUT, "0")
    if not (timeout.isascii() and timeout.isdecimal() and len(timeout) <= _TIMEOUT_DIGITS_MAX):
        raise InvalidRequest("header Connect-Timeout-Ms", "must be a whole number of at most 10 digits")


def _uncompressed(call: Call[object]) -> bytes:
    encoding = call.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedEncoding("the content encoding is not supported: gzip and identity are")
    octets = call.octets()
    # Clients do not compress an empty message, whatever they declare.
    if encoding == "gzip" and octets:
        octets = _gunzipped(octets)
    if len(octets) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"the request body is larger than {BODY_BYTES_MAX} bytes")
    return octets


def _gunzipped(compressed: bytes) -> bytes:
    """The content of a gzip file; of a larger one than a body may be, only the beginning.

    Raises:
        MalformedBody: it is none, or not whole.
    """
    content = b""
    try:
        while compressed and len(content) <= BODY_BYTES_MAX:
            member = zlib.decompressobj(_GZIP)
            content += member.decompress(compressed, BODY_BYTES_MAX + 1 - len(content))
            if not member.eof and len(content) <= BODY_BYTES_MAX:
                break
            compressed = member.unused_data
        else:
            return content
    except zlib.error:
        pass
    raise MalformedBody("the request body is not valid gzip")


def _of_binary(message: Message, octets: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = decode(message, octets)
    except Malformed as error:
        raise MalformedBody(f"the request body is not a valid {message.name}: {error}") from None
    return found


def _of_text(message: Message, octets: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = of_json(message, strict_json.loads(octets))
    except strict_json.KeyRepeated as error:
        problem = {"loc": error.place, "msg": "the key occurs more than once", "type": "key_repeated"}
        raise BodyInvalid([problem]) from None
    except strict_json.NotJson:
        raise MalformedBody("the request body is not valid JSON") from None
    except Misfit as error:
        if not error.place:
            raise MalformedBody(f"the request body {error.problem}") from None
        raise BodyInvalid([{"loc": error.place, "msg": error.problem, "type": "misfit"}]) from None
    return found
