"""Parses and checks definitions in Amazon States Language: the subset that `testkit.state_machine` runs.

Stricter than the service: a field that this subset does not use is an error.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
EVERY_STATE = frozenset({"Type", "Comment"})
ONWARD = frozenset({"Assign", "Output", "Next", "End"})
FIELDS: dict[str, frozenset[str]] = {
    # The interpreter does not enforce the timeout of a task: a test plants it as a fault.
    "Task": frozenset({"Resource", "TimeoutSeconds", "Arguments", "Retry", "Catch"}) | ONWARD,
    "Map": frozenset({"Items", "ItemSelector", "ItemProcessor", "MaxConcurrency", "Catch"}) | ONWARD,
    "Pass": ONWARD,
    "Wait": frozenset({"Seconds"}) | ONWARD,
    "Choice": frozenset({"Choices", "Default"}),
    "Succeed": frozenset({"Output"}),
    "Fail": frozenset({"Error", "Cause"}),
}
MACHINE_FIELDS = frozenset({"Comment", "QueryLanguage", "TimeoutSeconds", "StartAt", "States"})
PROCESSOR_FIELDS = frozenset({"ProcessorConfig", "StartAt", "States", "Comment"})
CHOICE_FIELDS = frozenset({"Condition", "Next", "Comment"})
PACES = frozenset({"IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts", "JitterStrategy"})
RETRY_FIELDS = frozenset({"ErrorEquals", "Comment"}) | PACES
CATCH_FIELDS = frozenset({"ErrorEquals", "Next", "Assign", "Output", "Comment"})


class DefinitionError(Exception):
    """The definition is wrong, or uses what this interpreter does not support. Never caught by a state."""


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Fill every ``${Name}``, as the deployment does.

    Raises:
        DefinitionError: a name has no value, or a value is not used.
    """
    names = set(SUBSTITUTION.findall(text))
    if names != set(values):
        raise DefinitionError(
            f"not provided: {sorted(names - set(values))}, unused: {sorted(set(values) - names)}"
        )
    return SUBSTITUTION.sub(lambda match: values[match[1]], text)


def parse(text: str) -> dict[str, Any]:
    """Parse a definition and check what can be checked without running it."""
    definition: dict[str, Any] = json.loads(text)
    _only(definition, MACHINE_FIELDS, "the machine")
    if definition.get("QueryLanguage") != "JSONata":
        raise DefinitionError("only JSONata definitions are supported")
    _check_states(definition)
    return definition


def _only(fields: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    if unknown := sorted(set(fields) - known):
        raise DefinitionError(f"{where}: {unknown} not supported")


def _check_states(level: dict[str, Any]) -> None:
    states = level["States"]
    for name, state in states.items():
        if state["Type"] not in FIELDS:
            raise DefinitionError(f"{name}: type {state['Type']} not supported")
        _only(state, FIELDS[state["Type"]] | EVERY_STATE, name)
        _check_ways(name, state, states)
        for retrier in state.get("Retry", ()):
            _only(retrier, RETRY_FIELDS, f"{name} Retry")
        for catcher in state.get("Catch", ()):
            _only(catcher, CATCH_FIELDS, f"{name} Catch")
        for rule in state.get("Choices", ()):
            _only(rule, CHOICE_FIELDS, f"{name} Choices")
        if state["Type"] == "Map":
            processor = state["ItemProcessor"]
            _only(processor, PROCESSOR_FIELDS, f"{name} ItemProcessor")
            if processor["ProcessorConfig"] != {"Mode": "INLINE"}:
                raise DefinitionError(f"{name}: only inline maps are supported")
            _check_states(processor)
    if level["StartAt"] not in states:
        raise DefinitionError(f"StartAt names no state: {level['StartAt']}")


def _check_ways(name: str, state: dict[str, Any], states: Mapping[str, Any]) -> None:
    """Check that every successor of a state is a state of the same level."""
    if missing := [target for target in ways_out(state) if target not in states]:
        raise DefinitionError(f"{name}: leads to {missing}, which does not exist")
    ends = state["Type"] in ("Succeed", "Fail", "Choice") or state.get("End") is True
    if ends == ("Next" in state):
        raise DefinitionError(f"{name}: needs either Next or End")


def ways_out(state: dict[str, Any]) -> list[str]:
    """The states that may follow a state."""
    rules = [*state.get("Choices", ()), *state.get("Catch", ())]
    direct = [state[field] for field in ("Next", "Default") if field in state]
    return direct + [rule["Next"] for rule in rules]
