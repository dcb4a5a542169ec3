"""Calls of one function take turns, in the proxy and inside the emulator."""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tools.load.client import waited_seconds
from tools.local_stack.emulator_main import in_turn
from tools.local_stack.proxy import WAITED, Server, Upstream
from tools.local_stack.routes import ANY, Route, answering
from tools.local_stack.turns import PROCESSES_MAX, Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_MAX = 30
CUSTOMERS = 64


def until(turns: Turns, waiting: int, name: str = "make") -> None:
    """Return when this many threads wait; there is no event for the start of a wait."""
    pause = threading.Event()
    for _ in range(SECONDS_MAX * 1_000):
        if turns.waiting(name) == waiting:
            return
        pause.wait(0.001)
    raise AssertionError(f"{turns.waiting(name)} instead of {waiting} wait")


class Crowd:
    """Counts how many have a turn at a time. The first ones keep theirs until all the others wait."""

    def __init__(self, turns: Turns, at_once: int, callers: int, name: str = "make") -> None:
        self.turns, self.name = turns, name
        self.others = callers - at_once
        self.inside = self.most = self.done = 0
        self._is_complete = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            is_first = self.inside == 1 and not self._is_complete.is_set()
        if is_first:
            until(self.turns, self.others, self.name)
            self._is_complete.set()
        self._is_complete.wait(SECONDS_MAX)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self.inside -= 1
            self.done += 1


def test_turns_come_in_the_order_in_which_they_were_requested() -> None:
    turns = Turns(1)
    order: list[int] = []

    def ask(number: int) -> None:
        with turns.turn("make"):
            order.append(number)

    with ThreadPoolExecutor(10) as threads, turns.turn("make"):
        for number in range(10):
            threads.submit(ask, number)
            until(turns, number + 1)
    assert order == list(range(10))


def test_a_released_turn_goes_to_a_waiting_call_and_not_to_a_new_one() -> None:
    turns = Turns(1)
    got: list[str] = []

    def ask(name: str) -> None:
        with turns.turn("make"):
            got.append(name)

    waits, comes = threading.Thread(target=ask, args=["waits"]), threading.Thread(target=ask, args=["comes"])
    with turns.turn("make"):
        waits.start()
        until(turns, 1)
    comes.start()
    for thread in (waits, comes):
        thread.join(SECONDS_MAX)
    assert got == ["waits", "comes"]


def test_never_more_than_the_allowed_number_have_a_turn_and_every_call_gets_one() -> None:
    turns = Turns(3)
    crowd = Crowd(turns, 3, 48)

    def work() -> None:
        with turns.turn("make"), crowd:
            pass

    with ThreadPoolExecutor(48) as threads:
        for _ in range(48):
            threads.submit(work)
    assert (crowd.done, crowd.most) == (48, 3)


def test_calls_of_different_functions_do_not_wait_for_each_other() -> None:
    turns = Turns(1)
    with turns.turn("make"), turns.turn("see") as waited:
        assert waited < SECONDS_MAX


def test_a_turn_ends_with_its_block_however_that_ends() -> None:
    turns = Turns(1)
    with pytest.raises(KeyError), turns.turn("make"):
        raise KeyError
    with turns.turn("make"):
        assert turns.waiting("make") == 0


def test_the_emulator_runs_a_function_no_more_often_at_a_time_than_it_may_have_processes() -> None:
    turns = Turns(2)
    crowd = Crowd(turns, 2, 64)

    def execute(function: dict[str, Any], event: Any, request: str) -> dict[str, Any]:
        with crowd:
            return {"body": [function["config"]["FunctionName"], event, request]}

    bounded = in_turn(execute, turns)
    with ThreadPoolExecutor(64) as threads:
        answers = list(
            threads.map(lambda n: bounded({"config": {"FunctionName": "make"}}, n, "r"), range(64))
        )
    assert answers == [{"body": ["make", n, "r"]} for n in range(64)]
    assert crowd.most == 2


ROUTES = [
    Route("/things", "GET", "ListThings"),
    Route("/things/{id}", "GET", "GetThing"),
    Route("/things/search", "GET", "SearchThings"),
    Route("/things/search", ANY, "Reject"),
    Route("/{proxy+}", ANY, "Reject"),
]


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("GET", "/things", "ListThings"),
        ("GET", "/things/7", "GetThing"),
        ("GET", "/things/search", "SearchThings"),
        ("POST", "/things/search", "Reject"),
        ("GET", "/things/7/parts", "Reject"),
        ("GET", "/", "Reject"),
    ],
)
def test_a_request_belongs_to_the_function_of_the_most_literal_route(
    method: str, path: str, function: str
) -> None:
    assert answering(ROUTES, method, path) == function


def test_a_request_without_a_route_has_no_function() -> None:
    assert answering(ROUTES[:1], "POST", "/things") == ""


@pytest.fixture
def front() -> Iterator[tuple[Server, Crowd]]:
    """The proxy in front of a server that holds the first calls until all the others wait."""
    crowds: list[Crowd] = []

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with crowds[0]:
                pass
            # Decremented before the response: its receiver may start the next call at once.
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as slow, Server(0) as server:
        slow.daemon_threads = True
        thread = threading.Thread(target=slow.serve_forever, args=(0.01,))
        thread.start()
        upstream = Upstream(f"http://127.0.0.1:{slow.server_port}", lambda _method, path: path)
        crowds.append(Crowd(upstream.turns, PROCESSES_MAX, CUSTOMERS, "/things"))
        with server.serving(upstream):
            yield server, crowds[0]
        slow.shutdown()
        thread.join()


def test_sixty_four_concurrent_calls_are_all_answered_by_the_allowed_number_of_processes(
    front: tuple[Server, Crowd],
) -> None:
    server, crowd = front

    def ask(_number: int) -> tuple[int, float]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=SECONDS_MAX)
        connection.request("GET", "/things")
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, waited_seconds(response.getheader(WAITED))

    with ThreadPoolExecutor(CUSTOMERS) as threads:
        answers = list(threads.map(ask, range(CUSTOMERS)))
    assert {status for status, _ in answers} == {200}
    assert crowd.done == CUSTOMERS
    assert crowd.most == PROCESSES_MAX
    assert max(waited for _, waited in answers) > 0
