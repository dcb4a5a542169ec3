"""The VM API with its handlers, as in ``tests.functional``, and the sample fleet's VM nodes.

stage = Stage(monkeypatch)
answer = stage.send("create_vm", "on_demand")
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.accounts.store import AccountStore
from gpu_capacity.dynamodb.database import Database
from testkit.doubles import CountingIds, RecordedTelemetry
from testkit.handlers import arrangements, sample_events
from testkit.handlers.authority import SUBJECT, Authority
from testkit.handlers.remembering import remembered
from testkit.handlers.sample_events import read
from testkit.handlers.stage import Answer
from testkit.handlers.stage import Stage as FunctionalStage
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    import pytest

__all__ = [
    "SAMPLE_API_KEY",
    "SAMPLE_KEY",
    "SAMPLE_VM",
    "SUBJECT",
    "Answer",
    "Stage",
    "read",
    "with_header",
]

SAMPLE_VM: Final = "cafe0d44-0d44-4b50-8888-8dd25736052a"
SAMPLE_KEY: Final = "beef7c1a-5b2e-4d19-9a70-3f1c2d4e5b6a"
SAMPLE_API_KEY: Final = "8f8e738d20348604"  # pragma: allowlist secret
"""The id of the API key that is made from the bytes of the two ids above."""

# With permissions of another API, so that no result depends on their absence.
NOUNS: Final = ("reservations", "vms", "billing", "apikeys")


class ChosenIds(CountingIds):
    """Ids that tests choose, then evenly distributed ones."""

    def __init__(self) -> None:
        super().__init__("stage")
        self.chosen: list[str] = []

    def random_bytes(self) -> bytes:
        """Return the bytes from which ``holder_id`` makes the chosen id: its first digit is from a to f."""
        if not self.chosen:
            return super().random_bytes()
        digits = self.chosen.pop(0).replace("-", "")
        return bytes.fromhex(f"{int(digits[0], 16) - 0xA:x}{digits[1:]}")


class Stage(FunctionalStage):
    """A stage whose customers may rent VMs; the nodes are in the inventory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        self.ids = ChosenIds()
        self.telemetry = RecordedTelemetry()
        self._key_ids = CountingIds("keys")
        super().__init__(monkeypatch, **settings)
        self.authority = Authority(NOUNS, private_key=self.authority.private_key)
        _nodes(self)
        self._begin()

    def _ids(self) -> CountingIds:
        return self.ids

    def send(
        self,
        function: str,
        case: str = "",
        *,
        event: dict[str, Any] | None = None,
        authorization: str | None = None,
        **changes: Any,
    ) -> Answer:
        """Send one of the files in ``events/``, or an event, with ``changes`` in its JSON body."""
        event = event or read(function, case)
        if changes:
            event = sample_events.with_body(event, sample_events.body_of(event) | changes)
        if authorization is not None:
            event = with_header(event, "Authorization", authorization)
        return self.request(function, event)

    def api_keys(self) -> ApiKeyIssuer:
        """Return the issuer that the operator's command uses."""
        accounts = AccountStore(Database(self.db), HOLDERS)
        return ApiKeyIssuer(accounts, self.clock, self._key_ids, self.telemetry, "operator:test")

    def api_key(self, scope: Scope = Scope.READ_WRITE, subject: str = SUBJECT) -> str:
        """A key of the member's organization."""
        return self.api_keys().create(Account(ORGANIZATION, subject), [scope])[0]

    def with_ssh_key(self) -> Stage:
        """The member's account has one SSH key with a known id."""
        _ssh_key(self)
        return self

    def with_api_key(self) -> Stage:
        """The member's account has an API key with a known id."""
        _api_key(self)
        return self

    def with_vm(self) -> Stage:
        """The member rents a VM with a known id."""
        _vm(self)
        return self

    def _ids_given(self) -> tuple[int, ...]:
        return (*super()._ids_given(), self.ids.given)

    def _go_on_after(self, given: tuple[int, ...]) -> None:
        *rest, self.ids.given = given
        super()._go_on_after(tuple(rest))


@remembered
def _nodes(stage: Stage) -> None:
    arrangements.publish(stage, regions=("eu-ams-1",))
    stage.run_event("sync_inventory", "scheduled")


@remembered
def _ssh_key(stage: Stage) -> None:
    stage.ids.chosen = [SAMPLE_KEY]
    assert stage.send("create_ssh_key", "ed25519").status == 201


@remembered
def _api_key(stage: Stage) -> None:
    stage.ids.chosen = [SAMPLE_VM, SAMPLE_KEY]
    assert stage.send("create_api_key", "read_only").status == 201


@remembered
def _vm(stage: Stage) -> None:
    _ssh_key(stage)
    stage.ids.chosen = [SAMPLE_VM]
    assert stage.send("create_vm", "on_demand").status == 201


def with_header(event: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """Return the event with one header changed; the value may have any characters."""
    varied = copy.deepcopy(event)
    varied["headers"][name] = value
    varied["multiValueHeaders"][name] = [value]
    return varied
