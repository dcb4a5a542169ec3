"""Every log has an end: its group belongs to the stack and expires."""

from __future__ import annotations

import pytest

from tests.template.loading import functions, resources, template
from tests.template.roles import made

GROUPS = resources("AWS::Logs::LogGroup")


@pytest.mark.parametrize("name", sorted(functions()))
def test_no_function_makes_a_log_group_of_its_own(name: str) -> None:
    """Without one it would write to /aws/lambda/<name>, which Lambda makes for ever and no stack removes."""
    assert made("AWS::Lambda::Function")[name]["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionsLogGroup"}}


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_log_group_expires_and_goes_with_the_stack(name: str) -> None:
    assert GROUPS[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    # With a name of its own it could stand in the way of the next stack of that name.
    assert "LogGroupName" not in GROUPS[name]
    assert template()["Resources"][name]["DeletionPolicy"] == "Delete"


def test_a_workflow_that_logs_has_a_declared_group() -> None:
    """None does: its executions are kept by Step Functions for 90 days, and its steps log by themselves."""
    for name, machine in resources("AWS::Serverless::StateMachine").items():
        assert "Logging" not in machine, name


def test_the_retention_is_one_that_cloudwatch_knows() -> None:
    parameter = template()["Parameters"]["LogRetentionDays"]
    assert parameter["Default"] in parameter["AllowedValues"]


def test_the_group_of_the_functions_is_reported_to_operators() -> None:
    assert template()["Outputs"]["LogGroupName"]["Value"] == {"Ref": "FunctionsLogGroup"}
