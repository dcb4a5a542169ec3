"""The sample tenant's reservations: a failed one does not prevent the stack from serving."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from testkit.sample_fleet import SAMPLE_RESERVATIONS
from tools.local_stack import sample_data

if TYPE_CHECKING:
    import pytest

    from tools.local_stack.state import State

ANY_STATE = cast("State", None)


class Api:
    """Answers a POST with the status at its turn, and a GET with the phase of that reservation."""

    def __init__(self, *turns: int | str) -> None:
        self._turns = turns
        self.made = 0

    def call(self, *ask: Any, **_more: Any) -> tuple[int, str]:
        _state, _url, _entry, method, path = ask
        if method == "POST":
            turn = self._turns[self.made]
            self.made += 1
            if isinstance(turn, int):
                return turn, '{"detail": "no capacity"}'
            return 202, json.dumps({"metadata": {"id": f"r{self.made - 1}"}})
        phase = self._turns[int(path.rpartition("r")[2])]
        return 200, json.dumps({"metadata": {"provisioningStatus": phase}})


def reserved(monkeypatch: pytest.MonkeyPatch, *turns: int | str) -> str:
    monkeypatch.setattr(sample_data, "call", Api(*turns).call)
    wanted = [SAMPLE_RESERVATIONS[0]] * len(turns)
    return sample_data.reserve(ANY_STATE, "http://127.0.0.1", wanted)


def test_all_provisioned_reservations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reserved(monkeypatch, "provisioned", "provisioned") == "2 of 2 reservations"


def test_a_reservation_that_ends_in_error_is_reported_and_the_others_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = reserved(monkeypatch, "error", "provisioned")
    assert output.startswith("1 of 2 reservations; reservation r0 in ")
    assert output.endswith("is not provisioned but error")


def test_a_refused_reservation_is_reported_with_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    output = reserved(monkeypatch, 507, "provisioned")
    assert output.startswith("1 of 2 reservations; ")
    assert output.endswith('was refused: 507 {"detail": "no capacity"}')


def test_a_reservation_that_takes_too_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_data, "SETTLE_SECONDS_MAX", 0.01)
    monkeypatch.setattr(sample_data, "POLL_SECONDS", 0.02)
    assert reserved(monkeypatch, "provisioning").endswith("is not provisioned but provisioning")
