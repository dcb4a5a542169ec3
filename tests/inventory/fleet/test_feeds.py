"""One suite for every feed, then tests of each feed."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Protocol

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gpu_capacity.errors import FeedRefusal, FeedRefused, Misconfigured
from gpu_capacity.inventory.fleet.feeds import HttpsFeed, S3Feed, feed_at
from testkit.fleet.world import MemoryFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.inventory.fleet.feeds import S3Client
    from gpu_capacity.ports import FleetFeed

BYTES_MAX = 1000


class Source(Protocol):
    """A source that a feed reads from and a test can fill."""

    def publish(self, content: bytes) -> None: ...

    def feed(self) -> FleetFeed: ...


class MemorySource:
    def __init__(self) -> None:
        self._feed = MemoryFeed(None, BYTES_MAX)

    def publish(self, content: bytes) -> None:
        self._feed.content = content

    def feed(self) -> FleetFeed:
        return self._feed


class S3Source:
    def __init__(self) -> None:
        self.client = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.client.create_bucket(Bucket="fleet")

    def publish(self, content: bytes) -> None:
        self.client.put_object(Bucket="fleet", Key="now/fleet.json", Body=content)

    def feed(self) -> FleetFeed:
        return feed_at("s3://fleet/now/fleet.json", lambda: self.client, BYTES_MAX)


class WebSource:
    """A web server on this machine; ``respond`` sets the next responses."""

    def __init__(self) -> None:
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.respond(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
                pass

        self.respond: Callable[[BaseHTTPRequestHandler], None] = lambda handler: handler.send_error(404)
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/fleet.json"

    def publish(self, content: bytes) -> None:
        self.respond = lambda handler: _answer(handler, content, len(content))

    def feed(self) -> FleetFeed:
        return feed_at(self.url, _no_s3, BYTES_MAX)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _answer(handler: BaseHTTPRequestHandler, content: bytes, announced: int | None) -> None:
    handler.send_response(200)
    if announced is not None:
        handler.send_header("Content-Length", str(announced))
    handler.end_headers()
    handler.wfile.write(content)


def _no_s3() -> S3Client:
    raise AssertionError("a web feed needs no S3 client")


@pytest.fixture
def web() -> Iterator[WebSource]:
    source = WebSource()
    yield source
    source.close()


@pytest.fixture
def s3() -> Iterator[S3Source]:
    with mock_aws():
        yield S3Source()


@pytest.fixture(params=["memory", "s3", "web"])
def source(request: pytest.FixtureRequest) -> Source:
    if request.param == "memory":
        return MemorySource()
    found: Source = request.getfixturevalue(request.param)
    return found


def refusal(feed: FleetFeed) -> FeedRefused:
    with pytest.raises(FeedRefused) as refused:
        feed.read()
    return refused.value


def test_a_feed_returns_the_document_as_it_was_published(source: Source) -> None:
    source.publish(b'{"a": "\xc3\xa4"}')

    assert source.feed().read() == b'{"a": "\xc3\xa4"}'


def test_a_feed_reads_the_document_again_each_time(source: Source) -> None:
    feed = source.feed()
    source.publish(b"first")
    feed.read()
    source.publish(b"second")

    assert feed.read() == b"second"


def test_an_absent_document_is_unreachable(source: Source) -> None:
    assert refusal(source.feed()).code is FeedRefusal.UNREACHABLE


def test_a_document_at_the_limit_is_read_and_one_beyond_is_too_large(source: Source) -> None:
    source.publish(b"x" * BYTES_MAX)
    assert len(source.feed().read()) == BYTES_MAX

    source.publish(b"x" * (BYTES_MAX + 1))
    assert refusal(source.feed()).code is FeedRefusal.TOO_LARGE


def test_a_large_document_of_unknown_length_is_too_large(web: WebSource) -> None:
    web.respond = lambda handler: _answer(handler, b"x" * (BYTES_MAX + 1), None)

    assert refusal(web.feed()).code is FeedRefusal.TOO_LARGE


def test_a_document_that_is_cut_off_is_unreachable_and_not_malformed(web: WebSource) -> None:
    web.respond = lambda handler: _answer(handler, b'{"half":', 500)

    assert refusal(web.feed()).code is FeedRefusal.UNREACHABLE


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
def test_any_status_but_200_is_unreachable(web: WebSource, status: int) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    web.respond = respond

    assert refusal(web.feed()).code is FeedRefusal.UNREACHABLE


def test_a_response_that_is_not_http_is_unreachable(web: WebSource) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x00\x01 nonsense\r\n\r\n")

    web.respond = respond

    assert refusal(web.feed()).code is FeedRefusal.UNREACHABLE


def test_a_redirect_to_plain_http_is_not_followed(web: WebSource) -> None:
    asked: list[str] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", web.url.replace("fleet.json", "elsewhere"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    web.respond = respond

    assert refusal(web.feed()).code is FeedRefusal.UNREACHABLE
    assert asked == ["/fleet.json"]


def test_a_server_that_does_not_answer_is_unreachable_after_the_timeout(web: WebSource) -> None:
    done = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        done.wait(5)

    web.respond = respond

    refused = refusal(HttpsFeed(web.url, BYTES_MAX, timeout_seconds=0.05))
    done.set()

    assert refused.code is FeedRefusal.UNREACHABLE


def test_an_address_without_a_server_is_unreachable_and_not_shown_in_the_message() -> None:
    source = WebSource()
    url = source.url
    source.close()

    refused = refusal(HttpsFeed(url + "?token=hunter2", BYTES_MAX))

    assert refused.code is FeedRefusal.UNREACHABLE
    assert "hunter2" not in str(refused)
    assert "127.0.0.1" not in str(refused)
    assert refused.__cause__ is None


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
def test_every_error_of_s3_is_unreachable_and_named(s3: S3Source, code: str) -> None:
    with Stubber(s3.client) as stub:
        stub.add_client_error("get_object", code)
        refused = refusal(S3Feed(s3.client, "fleet", "now/fleet.json", BYTES_MAX))

    assert (refused.code, str(refused)) == (FeedRefusal.UNREACHABLE, f"S3 answered {code}")


@pytest.mark.parametrize(
    "location",
    [
        "",
        "fleet.json",
        "file:///etc/passwd",
        "ftp://example.com/fleet.json",
        "http://example.com/fleet.json",
        "http://127.0.0.1.example.com/fleet.json",
        "http://169.254.169.254/latest",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "https:///fleet.json",
    ],
)
def test_only_s3_and_https_are_feeds(location: str) -> None:
    with pytest.raises(Misconfigured):
        feed_at(location, _no_s3)


@pytest.mark.parametrize(
    "location", ["https://example.com/fleet", "http://localhost:8000/", "http://[::1]/", "http://127.0.0.1/"]
)
def test_plain_http_is_allowed_on_this_machine_only(location: str) -> None:
    assert isinstance(feed_at(location, _no_s3), HttpsFeed)
