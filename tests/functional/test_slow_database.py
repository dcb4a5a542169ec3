"""With a slow database the API still answers itself, within the function's time and before the gateway's
timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ReadTimeoutError

from gpu_capacity.adapters.retrying_client import ATTEMPT_SECONDS, RetryingClient
from gpu_capacity.deadline import Deadline
from gpu_capacity.runtime import composition
from testkit.doubles import RecordedPause
from testkit.handlers import arrangements
from testkit.handlers.vm_stage import NOUNS, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION_SECONDS: Final = 20
CREATES: Final = {
    "create_reservation": "full",
    "create_capacity_claim": "full",
    "create_vm": "on_demand",
}
LAST_WRITES: Final = {
    "create_reservation": ("put_item", 1),
    "create_capacity_claim": ("transact_write_items", 0),
    "create_vm": ("transact_write_items", 0),
}
"""The write after which the holder stands: its operation, and how many of that come before."""
READS: Final = {"list_reservations": "all", "list_capacity_claims": "all", "list_vms": "all"}


class SlowDatabase:
    """Executes every call, but returns this many results of an operation only after the caller's timeout."""

    def __init__(self, db: Any) -> None:
        self.now = 0.0
        self.lost: dict[str, int] = {}
        self._skip = 0
        self._db = db

    def lose(self, answers: int, operation: str = "*", skip: int = 0) -> None:
        """Results of an operation's calls, or of all, come too late: this many, after the first few."""
        self.lost = {operation: answers}
        self._skip = skip

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            name = operation if operation in self.lost else "*"
            try:
                # The service may apply or refuse it, whether or not the caller still waits.
                return getattr(self._db, operation)(**request)
            finally:
                if self.lost.get(name, 0) > 0:
                    self._lose(name)

        return call

    def _lose(self, name: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        self.lost[name] -= 1
        self.now += ATTEMPT_SECONDS
        raise ReadTimeoutError(endpoint_url="https://dynamodb.invalid/")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """All three APIs for one customer, with an SSH key for VMs."""
    new = Stage(monkeypatch).with_ssh_key()
    new.authority.nouns = (*NOUNS, "capacityclaims")
    arrangements.publish(new, 2, (*arrangements.SMALL_REGIONS, "eu-ams-1"))
    new.run_event("sync_inventory", "scheduled")
    yield new
    # Nothing that was built with the replaced clients may be used by a later test.
    new.restart()


@pytest.fixture
def slow(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> SlowDatabase:
    """The stage's database behind the production client, on a clock that only the database advances."""
    database, others = SlowDatabase(stage.db), composition.client
    deadline = Deadline(lambda: database.now)
    monkeypatch.setattr(composition, "deadline", lambda: deadline)

    def client(service: str) -> Any:
        raw = database if service == "dynamodb" else others(service)
        return RetryingClient(raw, deadline, RecordedPause())

    monkeypatch.setattr(composition, "client", client)
    stage.restart()
    return database


@pytest.mark.parametrize("function", [*CREATES, *READS])
def test_a_database_that_never_answers_is_reported_in_time(
    stage: Stage, slow: SlowDatabase, function: str
) -> None:
    slow.lose(1_000)

    answer = stage.request_event(function, {**CREATES, **READS}[function])

    assert answer.status == 500
    assert answer.headers["retry-after"] == "1"
    assert slow.now < FUNCTION_SECONDS


@pytest.mark.parametrize("function", CREATES)
def test_a_database_that_never_answers_a_write_is_reported_in_time(
    stage: Stage, slow: SlowDatabase, function: str
) -> None:
    before = len(stage.db.table("holders"))
    slow.lose(1_000, *LAST_WRITES[function])

    answer = stage.request_event(function, CREATES[function])

    # The write was applied, and a read of its record shows that: so the request succeeds.
    assert answer.status in (200, 201, 202)
    assert 0 < slow.now < FUNCTION_SECONDS
    assert len(stage.db.table("holders")) > before


@pytest.mark.parametrize("function", CREATES)
def test_a_write_that_timed_out_is_found_and_not_made_again(
    stage: Stage, slow: SlowDatabase, function: str
) -> None:
    twin = stage.db.copy()
    slow.lose(1, *LAST_WRITES[function])

    answer = stage.request_event(function, CREATES[function])

    assert slow.now > 0
    assert answer.status in (200, 201, 202)
    made = {(i["pk"]["S"], i["sk"]["S"]) for i in stage.db.table("holders").items()}
    known = {(i["pk"]["S"], i["sk"]["S"]) for i in twin.table("holders").items()}
    kinds = [sk.partition("#")[0] for _, sk in made - known]
    assert sum(kind in ("RESERVATION", "CLAIM", "VM") for kind in kinds) == 1
