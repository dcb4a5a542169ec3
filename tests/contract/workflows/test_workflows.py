"""What the use cases require of every service that starts, watches and stops executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import WorkflowUnavailable
from gpu_capacity.ports import WorkflowState

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.ports import Workflows
    from tests.contract.workflows.conftest import Bench

NAME = "provision-a1bd3d0b-c786-44f6-8dc5-259dfb08307f-1780000000-0"
PAYLOAD: dict[str, object] = {"organization": "organization-1", "reservation": "reservation-1"}


def test_an_execution_is_started_with_its_payload_and_runs(bench: Bench) -> None:
    assert bench.workflows.start("provision", NAME, PAYLOAD) is True
    assert bench.workflows.state("provision", NAME) is WorkflowState.RUNNING
    assert bench.executions("provision") == [PAYLOAD]


def test_an_execution_that_was_never_started_is_absent(bench: Bench) -> None:
    assert bench.workflows.state("provision", NAME) is WorkflowState.ABSENT


def test_starting_again_while_it_runs_leaves_one_execution(bench: Bench) -> None:
    # The response to the second start differs between services; what counts is that nothing more runs.
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.start("provision", NAME, PAYLOAD)
    assert bench.executions("provision") == [PAYLOAD]
    assert bench.workflows.state("provision", NAME) is WorkflowState.RUNNING


def test_a_name_in_use_is_not_started_with_another_payload(bench: Bench) -> None:
    bench.workflows.start("provision", NAME, PAYLOAD)
    assert bench.workflows.start("provision", NAME, {**PAYLOAD, "reservation": "reservation-2"}) is False
    assert bench.executions("provision") == [PAYLOAD]


def test_a_stopped_execution_has_ended_and_is_still_known(bench: Bench) -> None:
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.stop("provision", NAME, "the reservation is being deleted")
    assert bench.workflows.state("provision", NAME) is WorkflowState.ENDED


def test_the_name_of_an_execution_that_ended_is_never_used_again(bench: Bench) -> None:
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.stop("provision", NAME, "over")
    assert bench.workflows.start("provision", NAME, PAYLOAD) is False
    assert bench.workflows.state("provision", NAME) is WorkflowState.ENDED
    assert bench.executions("provision") == [PAYLOAD]


def test_the_next_name_starts_the_next_execution(bench: Bench) -> None:
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.stop("provision", NAME, "over")
    assert bench.workflows.start("provision", NAME[:-1] + "1", PAYLOAD) is True
    assert bench.executions("provision") == [PAYLOAD, PAYLOAD]


def test_stopping_an_absent_or_ended_execution_is_no_error(bench: Bench) -> None:
    bench.workflows.stop("provision", NAME, "never was")
    assert bench.workflows.state("provision", NAME) is WorkflowState.ABSENT
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.stop("provision", NAME, "first")
    bench.workflows.stop("provision", NAME, "second")
    assert bench.workflows.state("provision", NAME) is WorkflowState.ENDED


def test_stopping_one_leaves_the_others_running(bench: Bench) -> None:
    other = NAME[:-1] + "1"
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.start("provision", other, PAYLOAD)
    bench.workflows.stop("provision", NAME, "over")
    assert bench.workflows.state("provision", other) is WorkflowState.RUNNING


def test_executions_of_two_machines_are_separate(bench: Bench) -> None:
    bench.workflows.start("provision", NAME, PAYLOAD)
    bench.workflows.start("deprovision", NAME.replace("provision", "deprovision"), PAYLOAD)
    assert bench.executions("provision") == [PAYLOAD]
    assert bench.executions("deprovision") == [PAYLOAD]


@pytest.mark.parametrize(
    "call",
    [
        lambda workflows: workflows.start("provision", NAME, PAYLOAD),
        lambda workflows: workflows.state("provision", NAME),
        lambda workflows: workflows.stop("provision", NAME, "over"),
    ],
    ids=["start", "state", "stop"],
)
def test_an_unreachable_service_is_distinguished_from_every_response(
    bench: Bench, call: Callable[[Workflows], object]
) -> None:
    workflows = bench.unreachable()
    with pytest.raises(WorkflowUnavailable):
        call(workflows)
