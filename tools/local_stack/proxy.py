"""The HTTP proxy that users call: forwards every request to the deployed REST API inside the emulator.

Like API Gateway it passes method, path, query and body unchanged, and sets X-Forwarded-For to the client's
address, whatever the client sent. A request that accepts anything, because it has no `Accept`, says so to the
emulator, which would else answer in base64. Unlike API Gateway it lets calls of one function take turns, and
states in `Server-Timing` how long the call waited for its turn.
"""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import quote, urlsplit

from tools.local_stack.emulator import LOOPBACK
from tools.local_stack.errors import LaunchError
from tools.local_stack.turns import PROCESSES_MAX, Turns

# API Gateway's own limit on a request.
BODY_BYTES_MAX = 10 * 1024 * 1024
# Does not include the wait for a turn.
UPSTREAM_SECONDS_MAX = 60
WAITED = "Server-Timing"
# Method and path, as received, to the name of the function that answers them.
FunctionOf = Callable[[str, str], str]
# They describe one connection and are not forwarded (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "upgrade")
)
BODY_FRAMING = frozenset(("transfer-encoding", "content-length", "expect"))
# int() would also accept a sign, and a negative size would read without a limit.
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
# Every printable ASCII character passes unchanged, also percent signs and reserved characters.
UNTOUCHED = "".join(map(chr, range(0x21, 0x7F)))


class BodyRefusedError(Exception):
    """A request body that API Gateway would refuse; has the status of the answer."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True)
class Upstream:
    """Where requests go, and the turns that they wait for."""

    url: str
    """Address of the API: http://127.0.0.1:<port>/<prefix>."""
    function_of: FunctionOf
    """Gives the function whose turn a request waits for."""
    turns: Turns = field(default_factory=lambda: Turns(PROCESSES_MAX))


class Handler(BaseHTTPRequestHandler):
    """Forwards the requests of one client connection, each over a new connection to the emulator.

    The emulator could close a reused connection just when a POST is sent, and a POST is never sent twice. On
    loopback a new connection costs almost nothing.
    """

    protocol_version = "HTTP/1.1"
    upstream: ClassVar[Upstream]

    def forward(self) -> None:
        """Answer one request with the emulator's answer."""
        try:
            body = self.read_body()
        except BodyRefusedError as refused:
            self.close_connection = True  # what is left of the body must not be read as the next request
            self.answer(refused.status, [], f'{{"message":"{refused}"}}'.encode())
            return
        target = self.target()
        function = self.upstream.function_of(self.command, urlsplit(target).path)
        with self.upstream.turns.turn(function) as waited:
            answer = self.call(target, body)
        # After the turn has ended, so that a client that reads slowly does not hold it.
        self.answer(*answer, waited=waited)

    def call(self, target: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Forward the request; return status, headers and body of the answer."""
        address = urlsplit(self.upstream.url)
        connection = http.client.HTTPConnection(
            address.hostname or LOOPBACK, address.port, timeout=UPSTREAM_SECONDS_MAX
        )
        try:
            connection.putrequest(
                self.command, address.path + target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.forwarded_headers(address.netloc, len(body)):
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            headers = [(n, v) for n, v in response.getheaders() if n.lower() not in HOP_BY_HOP | BODY_FRAMING]
            return response.status, headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            return HTTPStatus.BAD_GATEWAY, [], f'{{"message":"the emulator is gone: {error}"}}'.encode()
        finally:
            connection.close()

    def target(self) -> str:
        """Path and query as received, with bytes outside ASCII percent-encoded."""
        path = self.path
        if not path.startswith("/"):  # the absolute form that clients send to proxies
            parts = urlsplit(path)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return quote(path.encode("latin-1"), safe=UNTOUCHED)

    def forwarded_headers(self, host: str, length: int) -> Iterator[tuple[str, str]]:
        """Yield the client's headers without those of its connection, and those that API Gateway adds."""
        dropped = HOP_BY_HOP | BODY_FRAMING | {"host", "x-forwarded-for"}
        # The emulator picks services by host name, so the client's host goes into another header.
        yield "Host", host
        yield "X-Forwarded-Host", self.headers.get("Host", "")
        # API Gateway gives functions the address of the connection; the emulator gives them the first one in
        # this header. So the client's own header is not forwarded.
        yield "X-Forwarded-For", self.client_address[0]
        if length or self.command in {"POST", "PUT", "PATCH"}:
            yield "Content-Length", str(length)
        if "Accept" not in self.headers:
            yield "Accept", "*/*"
        for name, value in self.headers.items():
            if name.lower() not in dropped:
                yield name, value

    def read_body(self) -> bytes:
        """Read the whole body, plain or chunked; BodyRefusedError if it is malformed or too large."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self.chunks())
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise BodyRefusedError(HTTPStatus.BAD_REQUEST)
        if int(length) > BODY_BYTES_MAX:
            raise BodyRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a body (RFC 9112, 7.1) and skip its trailers."""
        total = 0
        while True:
            digits = self.rfile.readline(1024).split(b";")[0].strip()
            if not CHUNK_SIZE.fullmatch(digits):
                raise BodyRefusedError(HTTPStatus.BAD_REQUEST)
            size = int(digits, 16)
            total += size
            if total > BODY_BYTES_MAX:
                raise BodyRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass
                return
            yield self.rfile.read(size)
            self.rfile.readline(3)

    def answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, waited: float | None = None
    ) -> None:
        """Write a whole response."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not headers:
            self.send_header("Content-Type", "application/json")
        if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            self.send_header("Content-Length", str(len(body)))
        if waited is not None:
            self.send_header(WAITED, f"turn;dur={1000 * waited:.1f}")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> object:
        """Answer every method alike: the base class looks up `do_<METHOD>`."""
        if name.startswith("do_"):
            return self.forward
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing: the functions log requests."""


class Server(ThreadingHTTPServer):
    """A server on loopback that binds its port when it is created and answers inside ``serving``."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__((LOOPBACK, port), Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise LaunchError(f"port {port} is in use: choose another with `make run PORT=<port>`") from None

    @property
    def url(self) -> str:
        """The address that users call."""
        return f"http://{LOOPBACK}:{self.server_port}"

    @contextmanager
    def serving(self, upstream: Upstream) -> Iterator[None]:
        """Forward requests for the time of the block."""
        self.RequestHandlerClass = type("BoundHandler", (Handler,), {"upstream": upstream})
        self.server_activate()
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
