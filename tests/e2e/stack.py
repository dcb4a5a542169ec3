"""The local stack as a subprocess, and a client as a customer has one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.local_stack import issuer
from tools.local_stack.launch import clients
from tools.local_stack.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 240
SETTLED_SECONDS_MAX = 90
STOPPED_SECONDS_MAX = 240
"""Stopping saves the state and removes the workers' copies of the layer: slow on a busy machine."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Stack:
    """A running local stack."""

    url: str
    state: State

    def token(self, organization: str, project: str, **options: Any) -> str:
        return issuer.mint(self.state.issuer_key, organization=organization, project=project, **options)

    def client(self, service: str) -> Any:
        return clients(self.state.read_running()["emulatorUrl"])(service)

    def output(self, name: str) -> str:
        value: str = self.state.read_running()["outputs"][name]
        return value

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - the stack listens on loopback
            self.url + path,
            method=method,
            headers=sent,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
                return Answer(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, dict(refusal.headers), refusal.read().decode())

    def wait_until(self, what: str, *call: Any, seen: Any, **options: Any) -> list[Any]:
        """Poll as a client would until ``seen(answer)``; the distinct things it saw on the way."""
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        history: list[Any] = []
        while time.monotonic() < deadline:
            answer = self.call(*call, **options)
            summary = (
                answer.status,
                answer.json["metadata"]["provisioningStatus"] if answer.status == 200 else None,
            )
            if not history or history[-1] != summary:
                history.append(summary)
            if seen(answer):
                return history
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"{what} did not happen within {SETTLED_SECONDS_MAX} s, saw {history}")


@contextlib.contextmanager
def running_stack(folder: Path, **parameters: str) -> Iterator[Stack]:
    """Start the stack on a free port with a state folder of its own; end it with SIGTERM."""
    command = [sys.executable, "-m", "tools.run", "--port", "0", "--state", str(folder / "state")]
    command += ["--venvs", str(ROOT / os.environ.get("VENVS", ".venvs"))]
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    with (folder / "launcher.log").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own launcher
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield Stack(_ready(process, folder / "launcher.log"), State(folder / "state"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=STOPPED_SECONDS_MAX)


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    """The address, once the launcher says that it is ready."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
        if time.monotonic() > deadline:
            break
    raise AssertionError(f"the stack did not start:\n{log.read_text()}")
