"""The interpreter behaves as the service does where our definitions depend on it, and is strict elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit.doubles import FakeClock
from testkit.state_machine import Execution, ExecutionStatus, TaskError
from testkit.state_machine_definition import DefinitionError, parse

DONE = {"Type": "Succeed", "Comment": "Done."}


def _machine(**states: dict[str, Any]) -> dict[str, Any]:
    start = next(iter(states))
    machine = {"QueryLanguage": "JSONata", "TimeoutSeconds": 100, "StartAt": start, "States": states}
    return parse(json.dumps(machine))


def _task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": "work", "Next": "Done", **fields}


class Bench:
    """Runs a definition with a task ``work`` that returns the given results in turn."""

    def __init__(self, definition: dict[str, Any], *answers: Any, arrange: Any = iter) -> None:
        self.clock = FakeClock(0)
        self.asked: list[Any] = []
        self._answers = list(answers)
        self.execution = Execution(
            definition, {"name": "input"}, self._work, self.clock, self.clock.advance, arrange
        )

    def run(self) -> Any:
        self.execution.run()
        return self.execution.output

    def _work(self, _resource: str, arguments: Any) -> Any:
        self.asked.append(arguments)
        answer = self._answers.pop(0) if self._answers else {}
        if isinstance(answer, TaskError):
            raise answer
        return answer


FAULT = TaskError("Fault", "it broke")


def test_a_task_gets_its_arguments_and_its_result_is_assigned() -> None:
    definition = _machine(
        Work=_task(Arguments={"n": "{% $states.input.name %}"}, Assign={"kept": "{% $states.result.n %}"}),
        Done={**DONE, "Output": "{% $kept %}"},
    )
    bench = Bench(definition, {"n": 3})
    assert bench.run() == 3
    assert bench.asked == [{"n": "input"}]


def test_an_expression_without_a_value_is_an_error_that_no_state_catches() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    bench = Bench(_machine(Work=_task(Assign={"kept": "{% $states.result.n %}"}, Catch=catch), Done=DONE))
    with pytest.raises(DefinitionError, match="yields nothing"):
        bench.run()


def test_variables_are_assigned_from_the_values_before() -> None:
    definition = _machine(
        First=_task(Assign={"a": 1, "b": 2}, Next="Swap"),
        Swap=_task(Assign={"a": "{% $b %}", "b": "{% $a %}"}),
        Done={**DONE, "Output": "{% [$a, $b] %}"},
    )
    assert Bench(definition).run() == [2, 1]


def test_retries_are_bounded_and_their_delays_grow_up_to_the_maximum() -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 3}
    definition = _machine(Work=_task(Retry=[{**retry, "MaxAttempts": 4}]), Done=DONE)
    bench = Bench(definition, *[FAULT] * 5)
    bench.run()
    assert bench.execution.status is ExecutionStatus.FAILED
    assert len(bench.asked) == 5
    assert bench.clock.now() == 1 + 2 + 3 + 3


def test_retry_and_catch_match_the_name_of_the_error() -> None:
    definition = _machine(
        Work=_task(
            Retry=[{"ErrorEquals": ["Other"], "MaxAttempts": 5}],
            Catch=[
                {"ErrorEquals": ["Other"], "Next": "Wrong"},
                {
                    "ErrorEquals": ["Fault"],
                    "Next": "Done",
                    "Assign": {"why": "{% $states.errorOutput.Cause %}"},
                },
            ],
        ),
        Done={**DONE, "Output": "{% $why %}"},
        Wrong={"Type": "Fail", "Error": "Wrong", "Cause": "The wrong way."},
    )
    bench = Bench(definition, FAULT)
    assert bench.run() == "it broke"
    assert len(bench.asked) == 1


def _map(**processor_task: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Items": "{% [1, 2, 3] %}",
        "MaxConcurrency": "{% 2 %}",
        "ItemSelector": {"item": "{% $states.context.Map.Item.Value %}"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Work",
            "States": {"Work": {"Type": "Task", "Resource": "work", "End": True, **processor_task}},
        },
        "Assign": {"answers": "{% $states.result.n %}"},
        "Next": "Done",
    }


def test_a_map_returns_results_in_the_order_of_its_items_whatever_order_they_ran_in() -> None:
    definition = _machine(Each=_map(), Done={**DONE, "Output": "{% $answers %}"})
    bench = Bench(definition, {"n": "c"}, {"n": "b"}, {"n": "a"}, arrange=reversed)
    assert bench.run() == ["a", "b", "c"]
    assert bench.asked == [{"item": 3}, {"item": 2}, {"item": 1}]


def test_an_item_that_fails_ends_its_map() -> None:
    bench = Bench(_machine(Each=_map(), Done=DONE), {"n": 1}, FAULT)
    bench.run()
    assert bench.execution.status is ExecutionStatus.FAILED
    assert len(bench.asked) == 2


def test_a_state_in_a_map_cannot_assign_a_variable_of_the_machine() -> None:
    each = _map(Assign={"kept": 2})
    bench = Bench(_machine(Work=_task(Assign={"kept": 1}, Next="Each"), Each=each, Done=DONE))
    with pytest.raises(DefinitionError, match="outer scope"):
        bench.run()


def test_a_choice_takes_the_first_rule_that_matches_and_fails_if_none_does() -> None:
    rules = [
        {"Condition": "{% $states.input.name = 'other' %}", "Next": "Wrong"},
        {"Condition": "{% $states.input.name = 'input' %}", "Next": "Done"},
    ]
    wrong = {"Type": "Fail", "Error": "Wrong", "Cause": "The wrong way."}
    choose: dict[str, Any] = {"Type": "Choice", "Comment": "Which?", "Choices": rules}
    bench = Bench(_machine(Choose=choose, Done=DONE, Wrong=wrong))
    bench.run()
    assert bench.execution.visited == ["Choose", "Done"]
    none = Bench(_machine(Choose={**choose, "Choices": rules[:1]}, Done=DONE, Wrong=wrong))
    none.run()
    assert none.execution.error == "States.NoChoiceMatched"


def test_a_condition_must_yield_a_boolean() -> None:
    rule = {"Condition": "{% 'yes' %}", "Next": "Done"}
    bench = Bench(_machine(Choose={"Type": "Choice", "Choices": [rule]}, Done=DONE))
    with pytest.raises(DefinitionError, match="no boolean"):
        bench.run()


def test_a_wait_advances_the_clock_and_an_execution_that_takes_too_long_times_out() -> None:
    wait: dict[str, Any] = {"Type": "Wait", "Seconds": "{% 60 %}"}
    bench = Bench(_machine(One={**wait, "Next": "Two"}, Two={**wait, "Next": "Done"}, Done=DONE))
    bench.run()
    assert bench.execution.status is ExecutionStatus.TIMED_OUT
    assert bench.clock.now() == 120


def test_a_task_that_takes_too_long_is_retried_and_caught_like_any_other_error() -> None:
    late = TaskError("States.Timeout", "no answer in time")
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    machine = _machine(
        Work=_task(TimeoutSeconds=20, Retry=retry, Catch=catch), Done=DONE, Caught={"Type": "Succeed"}
    )
    bench = Bench(machine, late, late)
    bench.run()
    assert bench.execution.visited == ["Work", "Caught"]
    assert len(bench.asked) == 2
    uncaught = Bench(_machine(Work=_task(TimeoutSeconds=20), Done=DONE), late)
    uncaught.run()
    assert uncaught.execution.status is ExecutionStatus.FAILED


def test_an_execution_pauses_before_each_attempt_of_a_task_and_can_be_stopped_there() -> None:
    bench = Bench(_machine(Work=_task(Next="Again"), Again=_task(), Done=DONE))
    assert bench.execution.advance() == "Work"
    assert bench.asked == []
    assert bench.execution.advance() == "Again"
    bench.execution.stop()
    assert bench.execution.advance() is None
    assert len(bench.asked) == 1
    assert bench.execution.status is ExecutionStatus.ABORTED


def test_an_execution_stopped_during_a_task_does_not_continue_after_it() -> None:
    bench = Bench(_machine(Each=_map(), Done=DONE), *[{"n": 1}] * 3)
    inner = bench.execution.invoke

    def stopping(resource: str, arguments: Any) -> Any:
        bench.execution.stop()
        return inner(resource, arguments)

    bench.execution.invoke = stopping
    assert bench.execution.run() is ExecutionStatus.ABORTED
    assert bench.execution.visited == ["Each", "Work"]


def test_an_endless_definition_is_detected() -> None:
    bench = Bench(_machine(Work=_task(Next="Work")))
    with pytest.raises(DefinitionError, match="does not end"):
        bench.run()


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ({"Work": _task(Next="Nowhere")}, "does not exist"),
        ({"Work": _task(HeartbeatSeconds=3), "Done": DONE}, "HeartbeatSeconds"),
        ({"Work": _task(Retry=[{"ErrorEquals": [], "Next": "Done"}]), "Done": DONE}, "Next"),
        ({"Work": {"Type": "Parallel"}}, "Parallel"),
        ({"Work": {"Type": "Task", "Resource": "work"}}, "either Next or End"),
        ({"Work": _task(InputPath="$"), "Done": DONE}, "InputPath"),
    ],
)
def test_an_unsupported_definition_is_refused_before_it_runs(states: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        _machine(**states)


def test_a_pass_state_assigns_and_passes_on_its_input() -> None:
    definition = _machine(
        Keep={"Type": "Pass", "Comment": "-", "Assign": {"n": "{% $states.input.name %}"}, "Next": "Work"},
        Work=_task(Arguments={"kept": "{% $n %}", "passed": "{% $states.input.name %}"}),
        Done=DONE,
    )
    bench = Bench(definition)
    bench.run()
    assert bench.asked == [{"kept": "input", "passed": "input"}]


def test_without_a_clock_each_wait_is_a_point_with_the_time_of_its_end() -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 7, "MaxAttempts": 1}
    definition = _machine(
        Wait={"Type": "Wait", "Comment": "-", "Seconds": 5, "Next": "Work"},
        Work=_task(Retry=[retry]),
        Done=DONE,
    )
    bench = Bench(definition, FAULT, {})
    bench.execution.wait = None
    points = []
    while (point := bench.execution.advance()) is not None:
        points.append((point, bench.execution.wakes_at))
    assert points == [("Wait", 5), ("Work", None), ("Work", 7), ("Work", None)]
    assert bench.execution.status is ExecutionStatus.SUCCEEDED
