"""Every log group belongs to the stack and expires."""

from __future__ import annotations

import pytest

from tests.template.loading import functions, resources, template
from tests.template.roles import made

GROUPS = resources("AWS::Logs::LogGroup")


@pytest.mark.parametrize("name", sorted(functions()))
def test_no_function_creates_a_log_group_of_its_own(name: str) -> None:
    """Without a group it would write to /aws/lambda/<name>, which Lambda creates without expiry and no stack
    removes.
    """
    assert made("AWS::Lambda::Function")[name]["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionsLogGroup"}}


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_log_group_expires_and_is_deleted_with_the_stack(name: str) -> None:
    assert GROUPS[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    # With a fixed name it could collide with the next stack of that name.
    assert "LogGroupName" not in GROUPS[name]
    assert template()["Resources"][name]["DeletionPolicy"] == "Delete"


def test_a_workflow_that_logs_has_a_declared_group() -> None:
    """None does: Step Functions keeps executions for 90 days, and the steps write logs of their own."""
    for name, machine in resources("AWS::Serverless::StateMachine").items():
        assert "Logging" not in machine, name


def test_the_retention_is_one_that_cloudwatch_allows() -> None:
    parameter = template()["Parameters"]["LogRetentionDays"]
    assert parameter["Default"] in parameter["AllowedValues"]


def test_the_stack_has_the_functions_log_group_as_an_output() -> None:
    assert template()["Outputs"]["LogGroupName"]["Value"] == {"Ref": "FunctionsLogGroup"}
