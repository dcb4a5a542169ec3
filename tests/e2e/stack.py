"""The local stack as a subprocess, and an HTTP client for it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.local_stack import issuer
from tools.local_stack.launch import clients
from tools.local_stack.temporary import temporary_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.local_stack.state import State

ROOT = Path(__file__).resolve().parents[2]
SETTLED_SECONDS_MAX = 90
FIRST_SEQUENCE = 1000
"""Above that of the document with which the stack was started."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

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
        """Poll until ``seen(answer)``; return the distinct values seen on the way."""
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


class FleetManager:
    """Publishes fleet documents, one test at a time: each document describes the whole fleet.

    Attributes:
        sequence: of the last document that it published; a file that tests of all processes share.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.sequence = stack.state.folder / "fleet-sequence"

    @contextlib.contextmanager
    def alone(self) -> Iterator[FleetManager]:
        """Wait until no other test publishes, and let none do so meanwhile."""
        with self.sequence.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self

    def publish(self, document: dict[str, Any]) -> Any:
        """Publish a document as the next one, and run the scheduled function; return its report."""
        sequence = int(self.sequence.read_text() or FIRST_SEQUENCE) + 1
        self.sequence.write_text(str(sequence))
        self._stack.client("s3").put_object(
            Bucket=self._stack.output("FleetBucketName"),
            Key="fleet.json",
            Body=json.dumps(document | {"sequence": sequence}).encode(),
        )
        name = self._stack.output("SyncInventoryFunctionName")
        answer = self._stack.client("lambda").invoke(FunctionName=name)
        return json.loads(answer["Payload"].read())


@contextlib.contextmanager
def running_stack(folder: Path, options: Sequence[str] = (), **parameters: str) -> Iterator[Stack]:
    """Start the stack on a free port with a state folder of its own; end it with SIGTERM."""
    venvs = ROOT / os.environ.get("VENVS", ".venvs")
    with temporary_stack(folder, venvs, parameters, options) as (url, state):
        yield Stack(url, state)
