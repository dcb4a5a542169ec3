"""The template sets exactly the variables that the code reads, and only the composition root reads them."""

from __future__ import annotations

import re
import tomllib

from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.token_settings import token_rules
from tests.template import source
from tests.template.loading import ROOT, template

# Read by Powertools, not by this project.
FOR_LIBRARIES = {"POWERTOOLS_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}


def _variables() -> dict[str, object]:
    variables: dict[str, object] = template()["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def test_every_variable_that_is_read_is_set_and_the_other_way_round() -> None:
    assert source.settings_read() == set(_variables()) - FOR_LIBRARIES


def test_the_environment_is_read_in_the_composition_root_only() -> None:
    assert source.modules_that_mention("os.environ") == {"runtime/composition.py"}
    assert not source.modules_that_mention("getenv")


def test_clients_are_created_in_the_composition_root_only() -> None:
    assert source.modules_that_call("boto3") == {"runtime/composition.py"}


def test_every_variable_comes_from_a_parameter_or_a_resource() -> None:
    """A value written into the template could not be changed at deployment."""
    for name, value in _variables().items():
        assert isinstance(value, dict), name


def test_every_parameter_is_used_and_described_unless_its_name_says_all() -> None:
    text = str({key: value for key, value in template().items() if key != "Parameters"})
    for name in template()["Parameters"]:
        assert f"'{name}'" in text or f"${{{name}}}" in text, name


def test_defaults_of_the_template_are_those_of_the_code() -> None:
    parameters = template()["Parameters"]
    rules = token_rules(Environment({"AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}))
    assert parameters["AuthAlgorithms"]["Default"].split(",") == list(rules.algorithms)
    assert parameters["AuthClaimOrganizations"]["Default"] == rules.organizations_claim
    assert parameters["AuthClaimProjects"]["Default"] == rules.projects_claim
    assert parameters["AuthClaimPermissions"]["Default"] == rules.permissions_claim
    assert parameters["AuthClaimName"]["Default"] == rules.name_claim


def test_provisioning_gives_up_before_clients_do() -> None:
    """A client like Terraform waits 30 minutes; the undo has to finish within that time as well."""
    assert template()["Parameters"]["ProvisioningSecondsMax"]["Default"] < 1800


def test_every_parameter_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.MULTILINE))
    defaults = {name: parameter.get("Default") for name, parameter in template()["Parameters"].items()}
    assert rows == {
        name: "required" if default is None else "empty" if default == "" else f"`{default}`"
        for name, default in defaults.items()
    }


def test_a_deployment_tags_the_stack_for_the_bill() -> None:
    """CloudFormation passes the tags of a stack on to every resource that supports tags."""
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert samconfig["default"]["deploy"]["parameters"]["tags"] == "service=gpu-capacity"
