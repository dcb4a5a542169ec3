"""The program as somebody at a terminal has it, in front of the service with its real handlers."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import httpx

from gpucap import surroundings
from gpucap.__main__ import main
from testkit.hostile.service import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from testkit.hostile.service import Service

ADDRESS = "http://service.test/live"


@dataclass(frozen=True)
class Outcome:
    """How the program ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Wire:
    """Carries requests to the service. ``lost`` of the next answers do not arrive."""

    service: Service
    lost: int = 0
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        request.read()
        ask = Ask(
            request.method,
            request.url.path.removeprefix("/live"),
            request.content.decode() or None,
            query=tuple(request.url.params.multi_items()),
            headers=tuple((name, value) for name, value in request.headers.items() if name in PASSED),
        )
        # Handlers write metrics and logs there.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            answer = self.service.send(ask, request.headers.get("authorization"))
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("connection reset", request=request)
        return httpx.Response(answer.status, headers=answer.headers, text=answer.text)

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


PASSED = frozenset({"idempotency-key", "x-organization-id", "if-match", "content-type"})


class Terminal:
    """Runs the program.

    ``waits`` has how long it slept. Each sleep does the next thing of ``meanwhile``.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        answer: Callable[[httpx.Request], httpx.Response],
    ) -> None:
        self._patch = monkeypatch
        self._capsys = capsys
        self.waits: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []
        monkeypatch.setattr(surroundings, "transport", httpx.MockTransport(answer))
        monkeypatch.setattr(surroundings, "sleep", self._sleep)
        monkeypatch.setattr(surroundings, "now", lambda: sum(self.waits))

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < 100, "it waits for ever"
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def run(self, *words: str) -> Outcome:
        """Run a command line, without the name of the program."""
        self._patch.setattr(sys, "argv", ["gpucap", *words])
        self._capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        printed = self._capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    def ok(self, *words: str) -> Outcome:
        """Run a command line that has to succeed."""
        outcome = self.run(*words)
        assert outcome.code == 0, outcome
        return outcome


def interrupt() -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt


def rows(table: str) -> list[Sequence[str]]:
    """The words of a table's lines, without its head."""
    return [line.split() for line in table.splitlines()[1:]]
