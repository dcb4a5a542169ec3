"""The definitions as files: complete, wired, and with a branch for every outcome of a step."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims import settle as settle_claim
from gpu_capacity.holders.steps import Step
from gpu_capacity.reservations import retired
from gpu_capacity.vms import lifecycle as vm_lifecycle
from testkit.state_machine_definition import DefinitionError, substitute, ways_out
from testkit.workflow.definitions import (
    MACHINES,
    REPOSITORY,
    all_states,
    definition,
    source,
    steps,
    substitutions,
    template,
)
from tests.workflow.routes import ANY, ROUTES, states_until_work

if TYPE_CHECKING:
    from types import ModuleType

DEADLINES = ("ProvisioningSecondsMax", "VmNoticeSeconds", "VmStartSecondsMax", "TeardownSecondsMax")
STATES = [
    pytest.param(machine, name, id=f"{machine}-{name}")
    for machine in MACHINES
    for name, _, _ in all_states(definition(machine))
]
TASKS = [
    pytest.param(machine, name, id=f"{machine}-{name}")
    for machine in MACHINES
    for name, state, _ in all_states(definition(machine))
    if state["Type"] == "Task"
]


def _find(machine: str, wanted: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    return next((state, outer) for name, state, outer in all_states(definition(machine)) if name == wanted)


@pytest.mark.parametrize(("machine", "name"), STATES)
def test_every_state_says_what_it_is_for_and_what_undoes_it(machine: str, name: str) -> None:
    state, _ = _find(machine, name)
    assert len(state.get("Comment", "")) >= len("Nothing to undo.")
    for retrier in state.get("Retry", ()):
        assert retrier["Comment"]


@pytest.mark.parametrize(("machine", "name"), TASKS)
def test_every_task_retries_all_errors_with_backoff_and_jitter(machine: str, name: str) -> None:
    state, _ = _find(machine, name)
    retrier = state["Retry"][-1]
    assert retrier["ErrorEquals"] == ["States.ALL"]
    assert retrier["BackoffRate"] > 1
    assert retrier["MaxDelaySeconds"] <= 60
    assert retrier["JitterStrategy"] == "FULL"
    assert 3 <= retrier["MaxAttempts"] <= 20


@pytest.mark.parametrize(("machine", "name"), TASKS)
def test_a_task_that_fails_permanently_is_caught_by_itself_or_by_its_map(machine: str, name: str) -> None:
    state, outer = _find(machine, name)
    caught = state.get("Catch") or (outer or {}).get("Catch")
    assert caught
    assert caught[-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize(("machine", "name"), TASKS)
def test_every_task_runs_the_step_whose_name_it_has_or_begins_with(machine: str, name: str) -> None:
    state, _ = _find(machine, name)
    step = state["Arguments"]["step"]
    assert f"{step}_".startswith(re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() + "_")
    assert step in steps()[state["Resource"]]


def test_every_step_of_a_function_is_a_task_of_some_machine_or_was_one() -> None:
    named = {
        (state["Resource"], state["Arguments"]["step"])
        for machine in MACHINES
        for _, state, _ in all_states(definition(machine))
        if state["Type"] == "Task"
    }
    of_earlier_versions = {("reservation_steps", step) for step in retired.STEPS}
    known = {(function, step) for function, having in steps().items() for step in having}
    assert named == known - of_earlier_versions
    assert known > of_earlier_versions


def test_every_step_belongs_to_one_noun() -> None:
    names = [step for having in steps().values() for step in having]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached_and_leads_to_an_end(machine: str) -> None:
    states = definition(machine)["States"]
    seen, open_ends = set(), [definition(machine)["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        if name not in seen:
            seen.add(name)
            open_ends += ways_out(states[name])
    assert seen == set(states)
    ending = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
    for _ in states:
        ending |= {name for name, state in states.items() if ending & set(ways_out(state))}
    assert ending == set(states)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_template_fills_exactly_the_names_that_the_definition_uses(machine: str) -> None:
    used = set(re.findall(r"\$\{([^}]*)\}", source(machine)))
    assert used == set(substitutions(machine))


def test_every_machine_of_the_template_is_examined_here() -> None:
    resources = template()["Resources"].items()
    machines = {name for name, found in resources if found["Type"] == "AWS::Serverless::StateMachine"}
    assert machines == set(MACHINES.values())


@pytest.mark.parametrize("path", sorted((REPOSITORY / "statemachines").iterdir()), ids=lambda path: path.name)
def test_the_template_uses_each_definition_and_no_definition_names_a_resource(path: Any) -> None:
    assert path.read_text() in [source(machine) for machine in MACHINES]
    assert "arn:" not in path.read_text()
    assert path.name.endswith(".asl.json")


@pytest.mark.parametrize("machine", MACHINES)
def test_an_execution_that_hangs_is_timed_out_after_every_deadline_in_the_record(machine: str) -> None:
    longest = sum(int(template()["Parameters"][name]["Default"]) for name in DEADLINES)
    assert definition(machine)["TimeoutSeconds"] > longest


# Outcomes of steps, and where the machine goes after them.


def _outcomes() -> dict[str, set[str]]:
    """Every outcome that a step's code can return, read from the code itself."""
    found = {
        "settle_capacity_claim": {step.value for step in settle_claim.Step},
        "settle_placement": {step.value for step in Step},
        "restart_vms_beside": {ANY},
    }
    found |= {f"{what}_reservation": {step.value for step in Step} for what in ("provision", "release")}
    return found | _outcomes_of_vms()


def _functions(module: ModuleType) -> list[ast.FunctionDef]:
    return [n for n in ast.parse(inspect.getsource(module)).body if isinstance(n, ast.FunctionDef)]


def _outcomes_of_vms() -> dict[str, set[str]]:
    """The outcomes of the VMs' steps: those each returns itself, and those of the functions that it calls."""
    functions = {function.name: function for function in _functions(vm_lifecycle)}

    def reported(name: str) -> set[str]:
        outcomes = set()
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Name) and node.id == "SUPERSEDED":
                outcomes.add(str(vm_lifecycle.SUPERSEDED["outcome"]))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id == "_outcome":
                    assert isinstance(node.args[0], ast.Constant)
                    outcomes.add(str(node.args[0].value))
                elif node.func.id in functions:
                    outcomes |= reported(node.func.id)
        return outcomes

    return {name: reported(name) for name in functions if not name.startswith("_") and reported(name)}


def test_the_table_of_routes_has_every_step_and_every_outcome() -> None:
    routed: dict[str, set[str]] = {}
    for _, step, outcome in ROUTES:
        routed.setdefault(step, set()).add(outcome)
    assert routed == _outcomes()


@pytest.mark.parametrize(("machine", "step"), sorted({(m, f) for m, f, _ in ROUTES}))
def test_a_step_is_routed_for_the_same_outcomes_in_every_machine_that_uses_it(
    machine: str, step: str
) -> None:
    assert {o for m, f, o in ROUTES if (m, f) == (machine, step)} == _outcomes()[step]


def test_every_task_of_every_machine_is_in_the_table_of_routes() -> None:
    tasks = {
        (machine, state["Arguments"]["step"])
        for machine in MACHINES
        for _, state, _ in all_states(definition(machine))
        if state["Type"] == "Task"
    }
    assert {(machine, step) for machine, step, _ in ROUTES} == tasks


@pytest.mark.parametrize(("machine", "step", "outcome"), ROUTES)
def test_every_outcome_leads_to_the_state_in_the_table_of_routes(
    machine: str, step: str, outcome: str
) -> None:
    assert states_until_work(machine, step, outcome) == ROUTES[machine, step, outcome]


def test_missing_and_unused_substitutions_are_refused() -> None:
    with pytest.raises(DefinitionError, match="not provided: \\['B'\\]"):
        substitute("${A} ${B}", {"A": "a"})
    with pytest.raises(DefinitionError, match="unused: \\['B'\\]"):
        substitute("${A}", {"A": "a", "B": "b"})
