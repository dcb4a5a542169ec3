"""The emulator's SAM decides by the parameters of the deployment, as AWS's does."""

from __future__ import annotations

from typing import Any

from tools.local_stack.emulator_main import with_parameters

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Release": {"Default": "unset00000"}, "AuthIssuer": {}, "LogLevel": {"Default": "INFO"}},
    "Resources": {},
}


def by_defaults(template: dict[str, Any], *_: object) -> dict[str, Any]:
    return {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}


def test_the_transform_gets_the_parameters_that_were_sent() -> None:
    sent = [{"Key": "Release", "Value": "abc"}, {"Key": "AuthIssuer", "Value": "https://issuer"}]
    assert with_parameters(by_defaults)(TEMPLATE, sent, {}) == {
        "Release": "abc",
        "AuthIssuer": "https://issuer",
        "LogLevel": "INFO",
    }
    assert TEMPLATE["Parameters"]["Release"] == {"Default": "unset00000"}


def test_without_parameters_nothing_changes() -> None:
    assert with_parameters(lambda template, *_: template)({"Resources": {}}) == {
        "Resources": {},
        "Parameters": {},
    }
