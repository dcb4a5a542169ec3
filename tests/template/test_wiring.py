"""One name joins the function folder, the resource, the events, the tests and the operationId."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import sample_events
from tests.template.loading import (
    ROOT,
    chosen,
    functions,
    listed,
    resources,
    routes,
    statements,
    template,
)
from tests.template.test_providers import OF_ALL, OF_HOSTS
from tools.openapi.document import operation_id
from tools.openapi.routes import logical_id

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = sample_events.functions()


def test_function_folders_and_function_resources_match() -> None:
    assert {logical_id(folder) for folder in FOLDERS} == set(functions())
    for folder in FOLDERS:
        assert functions()[logical_id(folder)]["CodeUri"] == f"functions/{folder}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_function_has_events_under_its_name(folder: str) -> None:
    served = {o.name for o in OPERATIONS.values() if o.function == folder} or {folder}
    assert served <= {function for function, _ in sample_events.files()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_handler_reports_its_own_name(folder: str) -> None:
    text = (ROOT / "functions" / folder / "handler.py").read_text(encoding="utf-8")
    (name,) = re.findall(r'_function\(\s*"(\w+)"', text)
    assert name == folder


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_its_tests_and_its_operation_id(name: str) -> None:
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if "template" not in path.parts]
    named = [path for path in tests if path.name == f"test_{name}.py"]
    assert named or [path for path in tests if f'"{name}"' in path.read_text(encoding="utf-8")]
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    operation = OPERATIONS[name]
    entry = document["paths"][operation.path][operation.method.lower()]
    assert entry["operationId"] == operation_id(name)


# Properties of all functions


def test_functions_are_traced_and_run_on_the_runtime_of_the_layer() -> None:
    common = template()["Globals"]["Function"]
    assert common["Tracing"] == "Active"
    assert common["Runtime"] == {"Ref": "PythonRuntime"}
    assert common["Architectures"] == [{"Ref": "Architecture"}]
    assert common["Layers"] == [{"Ref": "SharedLayer"}]
    assert template()["Parameters"]["PythonRuntime"]["Default"] == "python3.13"
    assert template()["Parameters"]["Architecture"]["Default"] == "arm64"


def test_no_function_overrides_the_global_settings() -> None:
    own = {"Runtime", "Architectures", "Tracing", "Handler", "Environment", "Role"}
    for name, properties in functions().items():
        assert not own & set(properties), name


def test_only_who_asks_ironic_gets_a_further_layer() -> None:
    """SAM adds the layers of a function to those of all."""
    for name, properties in functions().items():
        asks = name in OF_HOSTS | OF_ALL | {"SyncInventoryFunction"}
        assert chosen(properties.get("Layers", []), UsesIronic=True) == [{"Ref": "IronicLayer"}] * asks, name
        assert chosen(properties.get("Layers", []), UsesIronic=False) == [], name


def test_functions_of_the_api_time_out_before_the_gateway() -> None:
    common = template()["Globals"]["Function"]["Timeout"]
    for _, _, name in routes():
        assert functions()[name].get("Timeout", common) < 29


def test_the_api_is_throttled_and_traced() -> None:
    (api,) = resources("AWS::Serverless::Api").values()
    assert api["TracingEnabled"] is True
    (everything,) = [s for s in api["MethodSettings"] if s["ResourcePath"] == "/*"]
    assert everything["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert everything["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


# Workflows


@pytest.mark.parametrize("machine", sorted(resources("AWS::Serverless::StateMachine")))
def test_a_workflow_may_invoke_exactly_the_functions_that_it_names(machine: str) -> None:
    properties = resources("AWS::Serverless::StateMachine")[machine]
    text = (ROOT / properties["DefinitionUri"]).read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{(\w+Function)Arn\}", text))
    given = {
        value["Fn::GetAtt"][0]
        for value in properties["DefinitionSubstitutions"].values()
        if "Fn::GetAtt" in value
    }
    (statement,) = statements(properties)
    assert listed(statement["Action"]) == ["lambda:InvokeFunction"]
    may_invoke = {resource["Fn::GetAtt"][0] for resource in listed(statement["Resource"])}
    assert named == given == may_invoke
    assert named <= set(functions())


@pytest.mark.parametrize("machine", sorted(resources("AWS::Serverless::StateMachine")))
def test_executions_of_an_earlier_version_keep_their_role_while_a_rollback_is_possible(
    machine: str,
) -> None:
    """A role at another path is another role; the earlier one is only deleted when the deployment is over."""
    assert resources("AWS::Serverless::StateMachine")[machine]["RolePath"] == "/workflows/"


@pytest.mark.parametrize("machine", sorted(resources("AWS::Serverless::StateMachine")))
def test_a_workflow_is_standard_traced_and_named_as_its_starters_expect(machine: str) -> None:
    properties = resources("AWS::Serverless::StateMachine")[machine]
    assert properties["Type"] == "STANDARD"
    assert properties["Tracing"] == {"Enabled": True}
    name = properties["Name"]["Fn::Sub"]
    arns = [text for text in _texts(template()["Globals"]) if ":stateMachine:" in text]
    assert [arn for arn in arns if arn.endswith(f":{name}")]


def test_every_function_is_invoked_by_something() -> None:
    definitions = " ".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "statemachines").glob("*.json")
    )
    for name, properties in functions().items():
        routed = {function for _, _, function in routes()}
        streamed = {m["FunctionName"]["Ref"] for m in resources("AWS::Lambda::EventSourceMapping").values()}
        operators = {"RepairFindingsFunction"} & _invoked_by("operator_audits")
        called = name in routed | streamed | operators or f"${{{name}Arn}}" in definitions
        assert properties.get("Events") or called, name


def _invoked_by(folder: str) -> set[str]:
    """The functions with a name of their own that a function may invoke."""
    named = {p["FunctionName"]["Fn::Sub"]: name for name, p in functions().items() if "FunctionName" in p}
    allowed = [text for s in statements(functions()[logical_id(folder)]) for text in _texts(s["Resource"])]
    return {name for own, name in named.items() if any(text.endswith(f":{own}") for text in allowed)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


# Reserved concurrency


def test_concurrency_may_be_reserved_for_functions_that_give_hardware_back() -> None:
    """Customers' requests then cannot use up the concurrency that workflows and reconcile need."""
    steps = {logical_id(name) for name in FOLDERS if name.endswith("_steps")}
    reserved = {
        "Fn::If": ["ReservesRepairs", {"Ref": "RepairConcurrency"}, {"Ref": "AWS::NoValue"}],
    }
    having = {
        n: f["ReservedConcurrentExecutions"]
        for n, f in functions().items()
        if "ReservedConcurrentExecutions" in f
    }
    assert having == dict.fromkeys(steps | {logical_id("reconcile_holders")}, reserved)
    assert template()["Parameters"]["RepairConcurrency"]["Default"] == 0
