"""The proxy in front of the emulator: which request bodies it accepts, and what it passes on."""

from __future__ import annotations

import http.client
import socket
import threading
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tools.local_stack.emulator import LOOPBACK
from tools.local_stack.proxy import Server, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_MAX = 30
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(0)
    with made.serving(Upstream(NOBODY, lambda method, _path: method)):
        yield made
    made.server_close()


def answered(server: Server, body: bytes) -> int:
    request = (
        b"POST /vms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    )
    with socket.create_connection((LOOPBACK, server.server_port), timeout=SECONDS_MAX) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status


@pytest.mark.parametrize("size", [b"-5", b"+2", b"0x2", b"0_2", b"", b"two", b"2 2", b"1" * 17])
def test_a_chunk_with_an_invalid_size_is_refused(server: Server, size: bytes) -> None:
    assert answered(server, size + b"\r\n{}\r\n0\r\n\r\n") == 400


@pytest.mark.parametrize("size", [b"2", b"02", b"2;name=value", b"2 "])
def test_a_chunk_with_a_valid_size_is_passed_on(server: Server, size: bytes) -> None:
    assert answered(server, size + b"\r\n{}\r\n0\r\n\r\n") == 502


def test_functions_ignore_a_forwarded_address() -> None:
    """Requests without a token are limited by address."""
    output: list[list[str]] = []

    class Emulator(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            output.append(self.headers.get_all("X-Forwarded-For", []))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    emulator, front = HTTPServer((LOOPBACK, 0), Emulator), Server(0)
    thread = threading.Thread(target=emulator.handle_request)
    thread.start()
    upstream = Upstream(f"http://{LOOPBACK}:{emulator.server_port}", lambda method, _path: method)
    with front.serving(upstream):
        connection = http.client.HTTPConnection(LOOPBACK, front.server_port, timeout=SECONDS_MAX)
        connection.request("GET", "/search", headers={"X-Forwarded-For": "198.51.100.7"})
        assert connection.getresponse().status == 204
        connection.close()
    thread.join()
    emulator.server_close()
    front.server_close()
    assert output == [[LOOPBACK]]
