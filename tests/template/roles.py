"""The roles as they will be in the account: the template after SAM's own translation."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from functools import cache
from typing import Any, Final

from testkit.emulator import emulator_python
from testkit.handlers.aws import Access
from tests.template.loading import SIMULATED, chosen, functions, listed, resource_name, statements, template
from tools.openapi.routes import logical_id

# The translator is installed in the emulator's environment, which expands the template with it as well.
_TRANSLATE: Final = """
import json, sys
from samtranslator.translator.transform import transform
class NoPolicies:
    def load(self):
        return {}
json.dump(transform(*json.load(sys.stdin), NoPolicies()), sys.stdout)
"""

STREAM: Final = {"Fn::GetAtt": ["HoldersTable", "StreamArn"]}
"""Lambda reads it with the role of the function, whose code never does."""

_LIMIT: Final = "ForAllValues:StringLike"


@cache
def translated(**parameters: str) -> dict[str, Any]:
    """The template in CloudFormation's own resources, expanded by SAM's translator."""
    content = copy.deepcopy(template())
    for resource in content["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in properties:
                properties[name] = "s3://bucket/key"
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://bucket/key"
    done = subprocess.run(  # noqa: S603 - our own words
        [str(emulator_python()), "-c", _TRANSLATE],
        input=json.dumps([content, parameters], default=str),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"AWS_DEFAULT_REGION": "us-east-1"},
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def made(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all translated resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in translated()["Resources"].items()
        if resource["Type"] == kind
    }


def role_of(resource: str) -> dict[str, Any]:
    """Properties of the role of a function or state machine."""
    properties = translated()["Resources"][resource]["Properties"]
    arn = properties.get("Role") or properties["RoleArn"]
    role: dict[str, Any] = translated()["Resources"][arn["Fn::GetAtt"][0]]["Properties"]
    return role


def inline(role: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a role's own policies."""
    policies = chosen(role.get("Policies", []), **SIMULATED)
    return [s for policy in policies for s in listed(policy["PolicyDocument"]["Statement"])]


def granted(function: str) -> set[Access]:
    """Return what the code of a function can do by its own policies, in the terms of the functional tests.

    Read from the template itself, where translation only adds what Lambda needs.
    """
    return {
        Access(action, resource_name(resource), keys)
        for statement in statements(functions()[logical_id(function)])
        if statement["Resource"] != STREAM
        for keys in _keys_of(statement)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def _keys_of(statement: dict[str, Any]) -> list[str]:
    """The patterns of partition keys that a statement is limited to; an empty one if it is not limited.

    Raises: ValueError: its condition is an unknown one.
    """
    condition = statement.get("Condition", {})
    if not condition:
        return [""]
    if condition.keys() != {_LIMIT} or condition[_LIMIT].keys() != {"dynamodb:LeadingKeys"}:
        raise ValueError(f"an unknown condition: {condition}")
    return listed(condition[_LIMIT]["dynamodb:LeadingKeys"])
