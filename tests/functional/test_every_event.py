"""Every file in ``events/`` through the real handler, in every state that may precede it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers import sample_events
from tests.functional import contract
from tests.functional.api_cases import API_CASES
from tests.functional.task_cases import TASK_CASES, TaskCase

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage
    from tests.functional.case import ApiCase


@pytest.mark.parametrize("case", API_CASES, ids=str)
def test_the_response_to_an_api_event_matches_the_contract(case: ApiCase, stage: Stage) -> None:
    case.after(stage)
    answer = stage.request_event(case.function, case.event)
    assert answer.status == case.status, answer
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers.get("content-type") == ("application/json" if answer.text else None)
    assert {name: answer.headers.get(name) for name in case.headers} == case.headers
    assert ("www-authenticate" in answer.headers) == (case.status == 401)
    if case.schema is None:
        assert answer.text == ""
    else:
        contract.assert_is(case.schema, answer.json)
    if case.error is not None:
        assert answer.json["error"] == case.error
        assert answer.json["trace_id"] == sample_events.TRACE_ID


@pytest.mark.parametrize("case", TASK_CASES, ids=str)
def test_a_task_event_returns_its_outcome(case: TaskCase, stage: Stage) -> None:
    case.after(stage)
    result = stage.run_event(case.function, case.event)
    assert {name: result[name] for name in case.answer} == case.answer


@pytest.mark.parametrize("case", TASK_CASES, ids=str)
def test_a_repeated_task_returns_the_same_outcome_or_reports_that_it_is_settled(
    case: TaskCase, stage: Stage
) -> None:
    case.after(stage)
    first = stage.run_event(case.function, case.event)
    before = stage.db.dump()
    again = stage.run_event(case.function, case.event)
    if "outcome" in first:
        assert again["outcome"] in {first["outcome"], "superseded"}
    assert stage.db.dump() == before


def test_every_event_file_has_an_expected_result() -> None:
    """Tests of other APIs replay the events of their functions."""
    expected = {(case.function, case.event) for case in API_CASES}
    expected |= {(task.function, task.event) for task in TASK_CASES}
    here = {function for function, _ in expected}
    assert expected == {pair for pair in sample_events.cases() if pair[0] in here}
