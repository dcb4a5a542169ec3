"""Reads ``template.yaml`` with CloudFormation's short forms, and answers queries about it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "template.yaml"

_TABLES: Final = {
    "InventoryTable": "inventory",
    "HoldersTable": "holders",
    "ServersTable": "servers",
    "HistoryTable": "history",
}
_OWN: Final = {**_TABLES, "FleetBucket": "fleet", "EventBus": "bus", "DeadLetterQueue": "letters"}
_INDEX: Final = re.compile(r"\$\{(\w+)\.Arn\}/index/(\w+)")
_OBJECTS: Final = re.compile(r"\$\{FleetBucket\.Arn\}/\*")
_FUNCTION: Final = re.compile(
    r"arn:\$\{AWS::Partition\}:lambda:\$\{AWS::Region\}:\$\{AWS::AccountId\}:function:\$\{AWS::StackName\}-([a-z-]+)"
)
_STATES: Final = re.compile(
    r"arn:\$\{AWS::Partition\}:states:\$\{AWS::Region\}:\$\{AWS::AccountId\}:"
    r"(stateMachine|execution):\$\{AWS::StackName\}-([a-z-]+)(:\*)?"
)


class _Loader(yaml.CSafeLoader):
    """YAML with the tags of CloudFormation."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = str(loader.construct_scalar(node))
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


@cache
def template() -> dict[str, Any]:
    """The template with its short forms expanded."""
    content: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return content


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def chosen(value: Any, **conditions: bool) -> Any:
    """A value with every ``!If`` decided; what becomes ``AWS::NoValue`` is left out.

    Raises:
        KeyError: it depends on a condition that is not given.
    """
    if isinstance(value, dict) and "Fn::If" in value:
        condition, yes, no = value["Fn::If"]
        return chosen(yes if conditions[condition] else no, **conditions)
    if isinstance(value, dict):
        decided = {key: chosen(part, **conditions) for key, part in value.items()}
        return {key: part for key, part in decided.items() if part != {"Ref": "AWS::NoValue"}}
    if isinstance(value, list):
        items = (chosen(part, **conditions) for part in value)
        return [item for item in items if item != {"Ref": "AWS::NoValue"}]
    return value


def functions() -> dict[str, dict[str, Any]]:
    """Properties of all functions, by logical id."""
    return resources("AWS::Serverless::Function")


def routes() -> list[tuple[str, str, str]]:
    """Every route as (path, method, logical id), from the definition of the API."""
    paths = resources("AWS::Serverless::Api")["Api"]["DefinitionBody"]["paths"]
    return sorted(
        (path, "ANY" if method == "x-amazon-apigateway-any-method" else method.upper(), _called(operation))
        for path, methods in paths.items()
        for method, operation in methods.items()
    )


def event_routes() -> list[tuple[str, str, str]]:
    """Every route for which SAM makes a permission, as (path, method, logical id)."""
    return sorted(
        (event["Properties"]["Path"], event["Properties"]["Method"].upper(), name)
        for name, properties in functions().items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "Api"
    )


def _called(operation: dict[str, Any]) -> str:
    integration = operation["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    # By its alias: a published version, not the latest deployment.
    found = re.search(r"functions/\$\{(\w+)\.Arn\}:live/invocations$", integration["uri"]["Fn::Sub"])
    assert found, integration
    return found[1]


SIMULATED: Final = {
    "SimulatesHosts": True,
    "SimulatesVms": True,
    "SimulatesAny": True,
    "UsesIronic": False,
    "ReadsIronicSecret": False,
    "ReadsNetboxSecret": False,
}
"""The conditions of a stack as it is by default: both providers are the simulated one."""


def statements(properties: dict[str, Any], **conditions: bool) -> list[dict[str, Any]]:
    """All policy statements of a function or state machine under these conditions."""
    policies = chosen(properties.get("Policies", []), **SIMULATED | conditions)
    return [statement for policy in policies for statement in policy["Statement"]]


def listed(value: Any) -> list[Any]:
    """IAM accepts a list of one without brackets."""
    return value if isinstance(value, list) else [value]


def resource_name(resource: Any) -> str:
    """The recorder's name of a policy's resource.

    Raises: ValueError: it is not a resource of this application, or wider than one.
    """
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        target, attribute = resource["Fn::GetAtt"]
        if attribute == "Arn" and target in _OWN:
            return _OWN[target]
        if attribute == "StreamArn" and target in _TABLES:
            return f"{_TABLES[target]}/stream"
    text = resource.get("Fn::Sub") if isinstance(resource, dict) else None
    if isinstance(text, str):
        if found := _INDEX.fullmatch(text):
            return f"{_TABLES[found[1]]}/{found[2]}"
        if _OBJECTS.fullmatch(text):
            return "fleet"
        if found := _FUNCTION.fullmatch(text):
            return f"function/{found[1]}"
        found = _STATES.fullmatch(text)
        if found and (found[1] == "execution") == bool(found[3]):
            return f"{found[1]}/{found[2]}"
    raise ValueError(f"not one of the application's resources: {resource}")
