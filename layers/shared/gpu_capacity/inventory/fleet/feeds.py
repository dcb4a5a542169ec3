"""Reads the fleet document from an object in S3 or from a web address.

A feed returns the bytes of the document or raises ``FeedRefused`` (``unreachable``, ``too_large``). Messages
name the kind of failure and never the address, because that may contain credentials.
"""

from __future__ import annotations

import http
import http.client
import ipaddress
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from gpu_capacity.adapters.aws_failures import AWS_ERRORS, error_code
from gpu_capacity.errors import FeedRefusal, FeedRefused, Misconfigured
from gpu_capacity.inventory.fleet.document import DOCUMENT_BYTES_MAX
from gpu_capacity.redirects import OnlyToHttps

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.ports import FleetFeed

TIMEOUT_SECONDS: Final = 10.0
"""Limit for connecting and for each read. The function's own timeout limits the whole transfer."""


class S3Client(Protocol):
    """The part of ``boto3.client("s3")`` that a feed uses."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - boto3's own names
        """Read an object."""


def feed_at(location: str, s3: Callable[[], S3Client], bytes_max: int = DOCUMENT_BYTES_MAX) -> FleetFeed:
    """The feed for the location in a setting.

    Args:
        location: ``s3://bucket/key``, ``https://…``, or for development ``http://`` to this machine.
        s3: creates the client. Only called for an S3 location.
        bytes_max: a larger document is refused.

    Raises:
        Misconfigured: the location has another form.
    """
    parts = urlsplit(location)
    if parts.scheme == "s3" and parts.netloc and len(parts.path) > 1:
        return S3Feed(s3(), parts.netloc, parts.path[1:], bytes_max)
    if parts.hostname and (parts.scheme == "https" or is_own_machine(location)):
        return HttpsFeed(location, bytes_max)
    raise Misconfigured("the fleet feed must be an s3:// or https:// address")


class S3Feed:
    """Reads the document from an S3 object."""

    def __init__(self, client: S3Client, bucket: str, key: str, bytes_max: int) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._bytes_max = bytes_max

    def read(self) -> bytes:
        """See ``FleetFeed``."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            if answer["ContentLength"] > self._bytes_max:
                raise _too_large(self._bytes_max)
            raw: bytes = answer["Body"].read()
        except ClientError as error:
            raise _unreachable(f"S3 answered {error_code(error)}") from error
        except AWS_ERRORS as error:
            raise _unreachable(f"S3 did not answer ({type(error).__name__})") from error
        return raw


class HttpsFeed:
    """Reads the document from a web address."""

    def __init__(self, url: str, bytes_max: int, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url
        self._bytes_max = bytes_max
        self._timeout_seconds = timeout_seconds

    def read(self) -> bytes:
        """See ``FleetFeed``."""
        handlers: list[urllib.request.BaseHandler] = [OnlyToHttps()]
        if is_own_machine(self._url):
            handlers.append(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(  # noqa: S310 - the factory allows https and this machine only
            self._url, headers={"Accept": "application/json", "Accept-Encoding": "identity"}
        )
        try:
            with urllib.request.build_opener(*handlers).open(
                request, timeout=self._timeout_seconds
            ) as answer:
                return self._body(answer)
        except urllib.error.HTTPError as error:
            error.close()
            raise _unreachable(f"the feed answered with status {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ``from None``: the text of the cause may contain the address.
            raise _unreachable(f"the feed did not answer ({type(error).__name__})") from None

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        if answer.status != http.HTTPStatus.OK:
            raise _unreachable(f"the feed answered with status {answer.status}")
        announced = answer.length
        if announced is not None and announced > self._bytes_max:
            raise _too_large(self._bytes_max)
        raw = answer.read(self._bytes_max + 1)
        if len(raw) > self._bytes_max:
            raise _too_large(self._bytes_max)
        if announced is not None and len(raw) < announced:
            raise _unreachable("the feed broke off")
        return raw


def is_own_machine(url: str) -> bool:
    """Whether a URL is plain HTTP to this machine."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def _unreachable(problem: str) -> FeedRefused:
    return FeedRefused(FeedRefusal.UNREACHABLE, problem)


def _too_large(bytes_max: int) -> FeedRefused:
    return FeedRefused(FeedRefusal.TOO_LARGE, f"the document has more than {bytes_max} bytes")
