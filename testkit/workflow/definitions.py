"""The state machines as the template deploys them, and the steps of their tasks."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest.mock import patch

import yaml

from testkit.state_machine_definition import parse, substitute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity.runtime.services import Services

    Step: TypeAlias = Callable[[Services, dict[str, Any]], Any]

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINES = {
    "provision": "ProvisionReservationStateMachine",
    "deprovision": "DeprovisionReservationStateMachine",
    "settle_claim": "SettleCapacityClaimStateMachine",
    "settle_placement": "SettlePlacementStateMachine",
    "start_vm": "StartVmStateMachine",
    "stop_vm": "StopVmStateMachine",
}


class _TemplateLoader(yaml.SafeLoader):
    """Reads short forms of intrinsic functions as ``{"Ref": ..}`` and ``{"Fn::..": ..}``."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


@cache
def template() -> dict[str, Any]:
    """Return the content of ``template.yaml``."""
    text = (REPOSITORY / "template.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a subclass of SafeLoader
    return loaded


def substitutions(machine: str, **parameters: str) -> dict[str, str]:
    """Return the definition's substitutions: a parameter's default, and a function's folder for its ARN."""
    given = template()["Resources"][MACHINES[machine]]["Properties"]["DefinitionSubstitutions"]
    return {name: _resolved(value, parameters) for name, value in given.items()}


def _resolved(value: dict[str, str], parameters: dict[str, str]) -> str:
    if "Ref" in value:
        name = value["Ref"]
        return parameters.get(name, str(template()["Parameters"][name]["Default"]))
    logical_id, attribute = value["Fn::GetAtt"].split(".")
    assert attribute == "Arn"
    folder: str = template()["Resources"][logical_id]["Properties"]["CodeUri"]
    return Path(folder).name


def source(machine: str) -> str:
    """Return the text of the definition in the repository."""
    uri = template()["Resources"][MACHINES[machine]]["Properties"]["DefinitionUri"]
    return (REPOSITORY / str(uri)).read_text()


@cache
def definition(machine: str) -> dict[str, Any]:
    """Return the definition as it is deployed."""
    return parse(substitute(source(machine), substitutions(machine)))


def all_states(level: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Yield (name, state, enclosing map) of a definition, states within maps included."""
    for name, state in level["States"].items():
        yield name, state, None
        if state["Type"] == "Map":
            for inner, inner_state, _ in all_states(state["ItemProcessor"]):
                yield inner, inner_state, state


@cache
def steps() -> dict[str, dict[str, Step]]:
    """Return the functions of workflow steps without their handlers: by function folder, by step."""
    found: dict[str, dict[str, Step]] = {}
    with patch("gpu_capacity.runtime.functions.steps_function", found.__setitem__):
        for path in sorted((REPOSITORY / "functions").glob("*_steps/handler.py")):
            spec = importlib.util.spec_from_file_location(f"handler_of_{path.parent.name}", path)
            assert spec is not None
            assert spec.loader is not None
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return found


def run_step(function: str, services: Services, payload: dict[str, Any]) -> Any:
    """Run the step that the payload of a task names, in the function that the task invokes."""
    return steps()[function][payload["step"]](services, payload)


def function_of(step: str) -> str:
    """Return the function folder that has a step."""
    (function,) = (name for name, having in steps().items() if step in having)
    return function
