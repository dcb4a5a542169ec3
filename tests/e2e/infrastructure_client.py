"""A client that behaves like a provider of an infrastructure-as-code tool.

It writes, then polls until the request has taken effect; it fails on any status that it does not expect on
the way, and it retries a request whose outcome it cannot know.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.e2e.stack import Answer, Stack

CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
POLL_SECONDS: Final = 0.25
"""Providers poll every five seconds; the emulator's region is as much faster."""

CREATE_SECONDS_MAX: Final = 45
UPDATE_SECONDS_MAX: Final = 20
DELETE_SECONDS_MAX: Final = 20
TRIES_MAX: Final = 8


class UnexpectedError(AssertionError):
    """An error that would end a run of the tool."""


class LostAnswerError(Exception):
    """The connection broke after the request was sent."""


@dataclass
class InfrastructureClient:
    """Creates, reads, updates and deletes one organization's claims.

    ``losses`` counts the responses that are dropped from now on, as a broken connection does. ``passed`` are
    the statuses seen by the last operation, in order.
    """

    stack: Stack
    token: str
    losses: int = 0
    passed: list[str] = field(default_factory=list)

    def create(self, resources: dict[str, Any], name: str | None = None) -> dict[str, Any]:
        """Create a claim under an id of its own, and wait until it is ready."""
        claim_id = self.begin(resources, name)
        return self.ready(claim_id, CREATE_SECONDS_MAX, on_the_way={"STATUS_CREATING"})

    def begin(self, resources: dict[str, Any], name: str | None = None) -> str:
        """Create a claim and return its id without waiting."""
        body = {"id": str(uuid.uuid4()), "resources": resources} | ({"name": name} if name else {})
        created = self._sent("POST", CLAIMS, body)
        self._expect(created, 200)
        if created.json["capacityClaim"]["spec"]["id"] != body["id"]:
            raise UnexpectedError(f"another claim was created: {created.json}")
        return str(body["id"])

    def update(self, claim_id: str, resources: dict[str, Any]) -> dict[str, Any]:
        """Change a claim, and wait until it is ready again."""
        updated = self._sent("PATCH", f"{CLAIMS}/{claim_id}", {"id": claim_id, "resources": resources})
        self._expect(updated, 200)
        return self.ready(claim_id, UPDATE_SECONDS_MAX, on_the_way={"STATUS_CREATING", "STATUS_UPDATING"})

    def delete(self, claim_id: str) -> None:
        """Delete a claim, and wait until it is gone."""
        deleted = self._sent("DELETE", f"{CLAIMS}/{claim_id}")
        if deleted.status == 404:
            return
        self._expect(deleted, 200)
        self.passed = [deleted.json["capacityClaim"]["status"]["status"]]

        def gone() -> bool:
            answer = self._read(claim_id)
            if answer.status == 404:
                return True
            self._pass(answer.json["capacityClaim"], {"STATUS_DELETING"})
            return False

        self._wait(f"deletion of {claim_id}", gone, DELETE_SECONDS_MAX)

    def ready(self, claim_id: str, seconds_max: float, on_the_way: set[str]) -> dict[str, Any]:
        """Poll until the claim is ready, through no other statuses than these."""
        self.passed = []
        found: dict[str, Any] = {}

        def is_ready() -> bool:
            nonlocal found
            answer = self._read(claim_id)
            self._expect(answer, 200)
            found = answer.json["capacityClaim"]
            return self._pass(found, on_the_way | {"STATUS_READY"}) == "STATUS_READY"

        self._wait(f"readiness of {claim_id}", is_ready, seconds_max)
        if found["status"]["pendingInstances"]:
            raise UnexpectedError(f"ready with pending instances: {found}")
        return found

    def read(self, claim_id: str) -> dict[str, Any]:
        """A claim in its current state."""
        answer = self._read(claim_id)
        self._expect(answer, 200)
        claim: dict[str, Any] = answer.json["capacityClaim"]
        return claim

    def every(self, query: str = "") -> Sequence[dict[str, Any]]:
        """Every claim of the organization."""
        answer = self._sent("GET", CLAIMS + query)
        self._expect(answer, 200)
        claims: list[dict[str, Any]] = answer.json["capacityClaims"]
        return claims

    def parameters(self) -> dict[str, list[str]]:
        """The instance types of each zone."""
        answer = self._sent("GET", f"{CLAIMS}/parameters")
        self._expect(answer, 200)
        return {zone: types["instanceIds"] for zone, types in answer.json["zoneInstanceTypes"].items()}

    def _pass(self, claim: dict[str, Any], expected: set[str]) -> str:
        status: str = claim["status"]["status"]
        if status not in expected:
            raise UnexpectedError(f"unexpected state {status}, wanted {sorted(expected)}")
        if not self.passed or self.passed[-1] != status:
            self.passed.append(status)
        return status

    def _read(self, claim_id: str) -> Answer:
        return self._sent("GET", f"{CLAIMS}/{claim_id}")

    def _sent(self, method: str, path: str, body: Any = None) -> Answer:
        """Retry until there is a response."""
        for _ in range(TRIES_MAX):
            try:
                answer = self._once(method, path, body)
            except LostAnswerError:
                continue
            if answer.status < 500 and answer.status != 429:
                return answer
        raise UnexpectedError(f"{method} {path} was not answered {TRIES_MAX} times")

    def _once(self, method: str, path: str, body: Any) -> Answer:
        answer = self.stack.call(method, path, token=self.token, body=body)
        if self.losses and method != "GET":
            self.losses -= 1
            raise LostAnswerError
        return answer

    def _expect(self, answer: Answer, status: int) -> None:
        if answer.status != status:
            raise UnexpectedError(f"{answer.status} instead of {status}: {answer.text}")

    def _wait(self, what: str, seen: Callable[[], bool], seconds_max: float) -> None:
        deadline = time.monotonic() + seconds_max
        while not seen():
            if time.monotonic() > deadline:
                raise UnexpectedError(f"{what} took longer than {seconds_max} s, passed {self.passed}")
            time.sleep(POLL_SECONDS)
