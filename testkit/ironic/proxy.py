"""A proxy on 127.0.0.1 in front of Ironic: tests delay, lose and repeat requests here, on their way."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_REQUEST_SECONDS: Final = 60
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


_IMAGES: Final = "/images/"
_CHECKSUM: Final = hashlib.md5(b"", usedforsecurity=False).hexdigest().encode()
"""Every image is empty, and so is the file with its checksum: it has that of nothing."""


@dataclass(frozen=True)
class Sent:
    """A request as the provider has sent it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def is_change(self) -> bool:
        """Whether it is one that changes something."""
        return self.method != "GET"

    @property
    def content(self) -> Any:
        """The body."""
        return json.loads(self.body or b"null")


@dataclass
class Proxy:
    """What happens to the requests.

    Attributes:
        url: where the proxy listens. It also serves images, at ``/images/``.
        is_out_of_reach: no request is let through, and none is answered.
        lost: whether a request disappears on its way: it is kept, and answered by a closed connection.
        rewritten: what a request is replaced by before it is sent on.
        rivals: each runs once before a change is sent on.
        sent: all changes, the lost ones included.
        missing: the changes that were lost.
    """

    target: str
    url: str = ""
    is_out_of_reach: bool = False
    lost: Callable[[Sent], bool] = lambda _: False
    rewritten: Callable[[Sent], Sent] = lambda sent: sent
    rivals: list[Callable[[], object]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    missing: list[Sent] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Let every request through."""
        self.is_out_of_reach, self.lost, self.rewritten = False, lambda _: False, lambda sent: sent
        self.rivals, self.sent, self.missing = [], [], []

    def send(self, request: Sent) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send a request to Ironic, and return status, headers and body of the answer."""
        connection = HTTPConnection(urlsplit(self.target).netloc, timeout=_REQUEST_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def pass_on(self, request: Sent) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """What becomes of a request of the provider; ``None`` if it gets no answer."""
        if self.is_out_of_reach:
            return None
        request = self.rewritten(request)
        if request.is_change:
            with self._lock:
                rival = self.rivals.pop(0) if self.rivals else None
                self.sent.append(request)
            if rival is not None:
                rival()
            if self.lost(request):
                self.missing.append(request)
                return None
            with self._one_at_a_time:
                return self.send(request)
        return self.send(request)


@contextmanager
def running_proxy(target: str) -> Iterator[Proxy]:
    """Start a proxy in front of an Ironic for the time of the block."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without this, small answers wait for the acknowledgement of the ones before.
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            if self.path.startswith(_IMAGES):
                self._answer(200, [], _CHECKSUM)
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            headers = {k: v for k, v in self.headers.items() if k.lower() not in {*_HOP_BY_HOP, "host"}}
            answer = proxy.pass_on(Sent(self.command, self.path, headers, body))
            if answer is None:
                self.close_connection = True
                return
            self._answer(*answer)

        def _answer(self, status: int, given: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in given:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Print nothing: clients close connections."""

    server = Server(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
