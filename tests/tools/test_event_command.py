"""`make event` prints a complete event, with a token that the service accepts."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import sample_events
from testkit.handlers.stage import Stage, answer_of
from tools import event
from tools.local_stack import issuer
from tools.local_stack.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED: Final = {
    "token_missing": HTTPStatus.UNAUTHORIZED,
    "token_expired": HTTPStatus.UNAUTHORIZED,
    "permission_missing": HTTPStatus.FORBIDDEN,
    "project_of_others": HTTPStatus.FORBIDDEN,
    "organization_of_others": HTTPStatus.FORBIDDEN,
}


def test_the_command_prints_the_complete_event_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "create_reservation/full"
    monkeypatch.setattr("sys.argv", ["event", "--name", name, "--state", str(tmp_path / "new")])

    assert event.main() == 0

    out, err = capsys.readouterr()
    token = json.loads(out)["headers"]["Authorization"].removeprefix("Bearer ")
    assert token.startswith("eyJ")
    committed = sample_events.read("create_reservation", "full")
    assert json.loads(out) == sample_events.with_tokens(committed, lambda _profile: token)
    assert err == ""


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The folder of a local stack that has a key."""
    issuer.ensure_key(State(tmp_path).issuer_key)
    return State(tmp_path)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, state: State) -> Iterator[Stage]:
    """A service that trusts the development issuer, as the local stack does."""
    keys = issuer.encoded_key_set(state.issuer_key)
    new = Stage(monkeypatch, AUTH_ISSUER=issuer.ISSUER, AUTH_AUDIENCE=issuer.AUDIENCE, AUTH_JWKS=keys)
    yield new
    # Nothing that was built with the replaced clients may be used by a later test.
    new.restart()


@pytest.mark.parametrize("function", OPERATIONS)
def test_the_service_accepts_the_token_of_a_customer_and_refuses_the_others(
    state: State, stage: Stage, function: str
) -> None:
    for case in (case for owner, case in sample_events.cases() if owner == function):
        status = answer_of(stage.run(function, event.event(f"{function}/{case}", state))).status
        refused = status if status in REFUSED.values() else None
        assert refused == REFUSED.get(case), case


def test_an_event_without_a_token_needs_no_key(tmp_path: Path) -> None:
    printed = event.event("sync_inventory/scheduled", State(tmp_path / "none"))

    assert printed == sample_events.read("sync_inventory", "scheduled")
    assert not (tmp_path / "none").exists()
