"""A client of reservations and placements that behaves like a provider of an infrastructure-as-code tool.

It polls as such a client does, repeats a request only when the connection broke, compares what it reads with
what it sent, and takes an unexpected status for a failure that ends the run. Every answer has to be as the
OpenAPI document says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

from tests.e2e import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.e2e.stack import Answer, Stack

RESERVATIONS: Final = "/api/v2/reservations"
PLACEMENTS: Final = "/api/v2/placements"

POLL_SECONDS_MAX: Final = 1.6
WAIT_SECONDS_MAX: Final = 120
"""Clients poll up to every 10 seconds, and wait for 30 minutes. The simulated region is as much faster."""

ABSENT_READS_MAX: Final = 20
"""After a create, so many reads may find nothing."""

UPDATE_TRIES_MAX: Final = 3

ON_THE_WAY: Final = frozenset({"pending", "provisioning", "unknown"})


class TaintedError(AssertionError):
    """The client would keep the resource as tainted: its creation failed for good."""


@dataclass
class ReservationClient:
    """One customer. ``passed`` has the statuses that the last operation saw, in order, without repeats."""

    stack: Stack
    token: str
    passed: list[str] = field(default_factory=list)

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request with its answer, which has to be as published."""
        answer = self.stack.call(method, path, token=self.token, body=body, headers=headers)
        published.check(method, path, answer)
        return answer

    def read(self, path: str) -> Any:
        """What is there under a path."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer.text
        return answer.json

    def create(self, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a resource and wait until it is provisioned."""
        created = self.call("POST", collection, body)
        assert created.status == 202, created.text
        self._echoes(body, created.json)
        ready = self.provisioned(f"{collection}/{created.json['metadata']['id']}")
        self._echoes(body, ready)
        return ready

    def provisioned(self, path: str) -> dict[str, Any]:
        """Poll a new resource until it is provisioned.

        Raises:
            TaintedError: it got another status than one on the way there.
        """
        self.passed, absent, found = [], 0, {}

        def is_ready() -> bool:
            nonlocal absent, found
            answer = self.call("GET", path)
            if answer.status == 404:
                absent += 1
                assert absent <= ABSENT_READS_MAX, "it never appeared"
                return False
            assert answer.status == 200, answer.text
            found = answer.json
            status = self._pass(found)
            if status not in ON_THE_WAY | {"provisioned"}:
                raise TaintedError(f"{status}: {found['metadata'].get('provisioningStatusDetail')}")
            return status == "provisioned"

        self._poll(f"provisioning of {path}", is_ready)
        return found

    def update(
        self, path: str, change: dict[str, Any], until: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Lay a change over the spec as read, put it, and poll until the update is done.

        Args:
            path: of a placement.
            change: what replaces values of the spec; objects in it are laid over objects.
            until: whether the status of the placement shows that the update is done.
        """
        for _ in range(UPDATE_TRIES_MAX):
            before = self.read(path)
            body = {"metadata": {"name": before["metadata"]["name"]}, "spec": laid(before["spec"], change)}
            answer = self.call("PUT", path, body)
            if answer.status != 409:
                break
        assert answer.status == 200, answer.text
        assert answer.json["spec"] == body["spec"]
        found: dict[str, Any] = {}
        self.passed = []

        def is_done() -> bool:
            nonlocal found
            found = self.read(path)
            status = self._pass(found)
            assert status in {"provisioning", "provisioned"}, found
            current = found["status"]["statusCurrent"]
            return status == "provisioned" and bool(current) and until(found["status"])

        self._poll(f"update of {path}", is_done)
        return found

    def delete(self, path: str) -> None:
        """Delete a resource, and poll until it is gone."""
        deleted = self.call("DELETE", path)
        assert deleted.status in {202, 404}, deleted.text
        self.passed = []

        def is_gone() -> bool:
            answer = self.call("GET", path)
            if answer.status == 404:
                return True
            # Such a client fails on any other status code, and on any status but this one.
            assert answer.status == 200, answer.text
            assert self._pass(answer.json) == "deprovisioning"
            assert answer.json["metadata"]["deletionTime"]
            return False

        self._poll(f"removal of {path}", is_gone)

    def _pass(self, found: dict[str, Any]) -> str:
        status: str = found["metadata"]["provisioningStatus"]
        if not self.passed or self.passed[-1] != status:
            self.passed.append(status)
        return status

    def _poll(self, what: str, is_over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        for seconds in _waits():
            if is_over():
                return
            assert time.monotonic() < deadline, f"{what} took too long, passed {self.passed}"
            time.sleep(seconds)

    @staticmethod
    def _echoes(sent: dict[str, Any], shown: dict[str, Any]) -> None:
        """Whether a read shows what was sent, neither more nor less."""
        for name, value in sent["metadata"].items():
            assert shown["metadata"][name] == value, name
        for name, value in sent["spec"].items():
            where = [part for part in ("metadata", "spec", "status") if name in shown[part]]
            assert where, f"{name} is not shown"
            assert shown[where[0]][name] == value, name


def laid(over: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A copy of an object with a change laid over it: objects are merged, anything else is replaced."""
    merged = dict(over)
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = laid(merged[name], value) if both else value
    return merged


def _waits() -> Iterator[float]:
    """At once, then after 0.2 s, doubling up to the longest."""
    return chain((0.0,), (0.2 * 2**step for step in range(3)), repeat(POLL_SECONDS_MAX))
