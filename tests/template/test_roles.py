"""Every role of the stack: which service may assume it, and what it allows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.loading import functions, listed, resources
from tests.template.roles import inline, made, role_of

ROLES = made("AWS::IAM::Role")
MACHINES = sorted(resources("AWS::Serverless::StateMachine"))
SCHEDULES = made("AWS::Scheduler::Schedule")
(MAPPING,) = resources("AWS::Lambda::EventSourceMapping").values()
QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}

# Both are AWS's own and open every resource, one because it must, one because SAM gives it to every function:
# traces belong to no resource, and log groups of other functions could be written to, but not read.
TRACES = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def _owners() -> dict[str, str]:
    """The service that may assume a role, by role."""
    owners = dict.fromkeys(_roles_of("AWS::Lambda::Function", "Role"), "lambda")
    owners |= dict.fromkeys(_roles_of("AWS::StepFunctions::StateMachine", "RoleArn"), "states")
    return owners | {
        schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]: "scheduler" for schedule in SCHEDULES.values()
    }


def _roles_of(kind: str, attribute: str) -> list[str]:
    return [properties[attribute]["Fn::GetAtt"][0] for properties in made(kind).values()]


def test_every_role_belongs_to_one_function_workflow_or_schedule() -> None:
    used = _roles_of("AWS::Lambda::Function", "Role") + _roles_of(
        "AWS::StepFunctions::StateMachine", "RoleArn"
    )
    used += [schedule["Target"]["RoleArn"]["Fn::GetAtt"][0] for schedule in SCHEDULES.values()]
    assert sorted(used) == sorted(ROLES)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_can_be_assumed_by_its_own_service_only(role: str) -> None:
    (statement,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Principal": {"Service": [f"{_owners()[role]}.amazonaws.com"]},
    }


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_has_no_managed_policies_except_for_logs_and_traces(role: str) -> None:
    expected = {"lambda": {LOGS, TRACES}, "states": {TRACES}, "scheduler": set()}[_owners()[role]]
    assert set(ROLES[role].get("ManagedPolicyArns", ())) == expected


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_allows_more_than_the_resources_it_names(role: str) -> None:
    for statement in inline(ROLES[role]):
        assert statement["Effect"] == "Allow"
        # A condition only narrows the permission.
        assert set(statement) <= {"Effect", "Action", "Resource", "Condition"}
        for action in listed(statement["Action"]):
            assert "*" not in action
        for resource in listed(statement["Resource"]):
            assert not _is_wild(resource), resource


def _is_wild(resource: Any) -> bool:
    if isinstance(resource, str):
        return True  # nothing has a name that is known beforehand
    text = resource.get("Fn::Sub", "")
    # Executions and objects have names that are not known beforehand.
    known = ("-reservation:*", "-placement:*", "-claim:*", "-vm:*", "${FleetBucket.Arn}/*")
    return "*" in text and not text.endswith(known)


@pytest.mark.parametrize("function", sorted(functions()))
def test_only_functions_with_asynchronous_events_may_send_to_the_dead_letter_queue(function: str) -> None:
    sends = [s for s in inline(role_of(function)) if "sqs:SendMessage" in listed(s["Action"])]
    assert all((listed(s["Action"]), s["Resource"]) == (["sqs:SendMessage"], QUEUE) for s in sends)
    reads_the_stream = function == MAPPING["FunctionName"]["Ref"]
    assert bool(sends) == (reads_the_stream or "DeadLetterQueue" in functions()[function])


def test_only_the_reader_of_the_stream_may_read_it() -> None:
    reading = {
        name: listed(s["Action"])
        for name in functions()
        for s in inline(role_of(name))
        if any(":stream" in str(r) or "StreamArn" in str(r) for r in listed(s["Resource"]))
    }
    assert reading == {
        MAPPING["FunctionName"]["Ref"]: [
            f"dynamodb:{action}"
            for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        ]
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_a_workflow_may_do_nothing_but_invoke(machine: str) -> None:
    assert {a for s in inline(role_of(machine)) for a in listed(s["Action"])} == {"lambda:InvokeFunction"}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_may_invoke_its_own_function_and_report_its_failures(name: str) -> None:
    target = SCHEDULES[name]["Target"]
    role = ROLES[target["RoleArn"]["Fn::GetAtt"][0]]
    opened = {(s["Action"], tuple(s["Resource"]["Fn::GetAtt"])) for s in inline(role)}
    assert opened == {
        ("lambda:InvokeFunction", tuple(target["Arn"]["Fn::GetAtt"])),
        ("sqs:SendMessage", ("DeadLetterQueue", "Arn")),
    }


def test_functions_can_be_invoked_from_outside_by_this_api_only() -> None:
    permissions = made("AWS::Lambda::Permission")
    assert permissions
    for permission in permissions.values():
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["Action"] == "lambda:InvokeFunction"
        source = permission["SourceArn"]["Fn::Sub"]
        text, names = source if isinstance(source, list) else (source, {"Api": {"Ref": "Api"}})
        (api,) = {name for name, value in names.items() if value == {"Ref": "Api"}}
        assert f":execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api}}}/" in text
