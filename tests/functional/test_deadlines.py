"""Every wait of a function ends before its timeout and leaves time for its response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import ANSWER_SECONDS
from testkit.handlers import arrangements

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

# One function of each builder that reads or writes; the context of the tests leaves 20 seconds.
FUNCTIONS = {
    "list_reservations": "all",
    "create_reservation": "full",
    "search_offers": "all",
    "reservation_steps": "provision_reservation_gone",
    "reconcile_holders": "scheduled",
    "sync_inventory": "scheduled",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_invocation_has_the_remaining_time_of_its_function_less_that_for_its_response(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    arrangements.sample(stage)
    deadline = Deadline(lambda: 1000.0)
    monkeypatch.setattr(composition, "deadline", lambda: deadline)
    seen: list[float] = []
    stage.db.before("*", lambda *_: seen.append(deadline.remaining_seconds()), times=None)
    stage.run_event(function, FUNCTIONS[function])
    assert seen
    assert set(seen) == {20.0 - ANSWER_SECONDS}
