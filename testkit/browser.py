"""Chromium, where this machine has one, and a server that puts the handlers of a stage before it."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from gpu_capacity.http.operations import PAGES
from testkit.handlers.stage import answer_of
from testkit.hostile.service import Ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from testkit.handlers.stage import Answer
    from testkit.hostile.service import Service

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING: Final = (
    "no Chromium: `apt-get install chromium` as root, or name one by CHROMIUM=<path>, and these tests run"
)
PASSED: Final = frozenset(
    ("content-type", "idempotency-key", "if-match", "if-none-match", "x-organization-id")
)


def chromium_path() -> str | None:
    """The program; None if there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium. Skips the test without one, or fails it where CHROMIUM_REQUIRED is set."""
    path = chromium_path()
    if path is None:
        (pytest.fail if os.environ.get("CHROMIUM_REQUIRED") else pytest.skip)(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(service: Service) -> Iterator[str]:
    """The service on a free port of this machine; yields its address."""
    turns = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length).decode() or None
            # A stage serves one request at a time.
            with turns:
                found = _answer(service, self.command, self.path, body, dict(self.headers.items()))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.octets)))
            self.end_headers()
            self.wfile.write(found.octets)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(service: Service, method: str, target: str, body: str | None, headers: dict[str, str]) -> Answer:
    parts = urlsplit(target)
    given = {name.lower(): value for name, value in headers.items()}
    if page := _page(method, parts.path):
        resource, parameters = page
        event: dict[str, Any] = {
            "resource": resource,
            "path": parts.path,
            "httpMethod": method,
            "headers": given,
            "pathParameters": parameters,
        }
        return answer_of(service.stage.run("serve_console", event))
    ask = Ask(
        method,
        parts.path,
        body,
        query=tuple(parse_qsl(parts.query)),
        headers=tuple((name, value) for name, value in given.items() if name in PASSED),
    )
    return service.send(ask, given.get("authorization"))


def _page(method: str, path: str) -> tuple[str, dict[str, str] | None] | None:
    """The route of a page and its parameters; None if the request is for an API."""
    if method != "GET":
        return None
    for page in PAGES:
        root, _, parameter = page.path.partition("/{")
        if not parameter and path == root:
            return page.path, None
        name = path.removeprefix(f"{root}/")
        if parameter and name != path and "/" not in name:
            return page.path, {"file": name}
    return None
