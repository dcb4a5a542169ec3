"""Releases: the gateway calls published versions, which change only as requested."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from tests.template.loading import chosen, functions, resources, routes, template
from tests.template.roles import translated

ALIASED: Final = sorted({name for _, _, name in routes()})
FIRST: Final[dict[str, str]] = {}
SECOND: Final = {"Release": "2222222222", "Canary": "true"}
"""Translation takes seconds: these are the parameters of other tests as well."""


def _made(kind: str, **parameters: str) -> dict[str, dict[str, Any]]:
    return {n: r for n, r in translated(**parameters)["Resources"].items() if r["Type"] == kind}


def _version_of(function: str, **parameters: str) -> str:
    alias = translated(**parameters)["Resources"][f"{function}Aliaslive"]["Properties"]
    version: str = alias["FunctionVersion"]["Fn::GetAtt"][0]
    return version


def test_only_functions_of_the_api_are_published() -> None:
    published = {name for name, properties in functions().items() if "AutoPublishAlias" in properties}
    assert published == set(ALIASED)
    assert {functions()[name]["AutoPublishAlias"] for name in published} == {"live"}


def test_a_stack_with_everything_on_has_no_more_resources_than_cloudformation_takes() -> None:
    assert len(translated(**SECOND)["Resources"]) <= 500


@pytest.mark.parametrize("name", ALIASED)
def test_a_new_release_is_a_new_version_and_the_same_release_is_not(name: str) -> None:
    assert _version_of(name, **FIRST) != _version_of(name, **SECOND)
    assert _version_of(name, **FIRST) == _version_of(name, **FIRST, LogLevel="DEBUG")


def test_a_release_changes_the_function_because_lambda_publishes_no_unchanged_version() -> None:
    for name in ALIASED:
        before, after = (
            translated(**r)["Resources"][name]["Properties"]["Description"] for r in (FIRST, SECOND)
        )
        assert before != after


def test_a_deployment_without_a_release_is_refused() -> None:
    """It would change the functions, and leave the versions that the gateway calls unchanged."""
    parameter = template()["Parameters"]["Release"]
    assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])
    (assertion,) = template()["Rules"]["ReleaseIsNamed"]["Assertions"]
    assert "RuleCondition" not in template()["Rules"]["ReleaseIsNamed"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Release"}, parameter["Default"]]}]}


def test_the_gateway_may_call_the_alias_of_every_function_that_it_routes_to() -> None:
    permitted = {
        permission["Properties"]["FunctionName"]["Ref"]
        for permission in _made("AWS::Lambda::Permission").values()
    }
    assert permitted == {f"{name}Aliaslive" for name in ALIASED}


def test_old_versions_are_deleted_and_their_snapshots_with_them() -> None:
    versions = _made("AWS::Lambda::Version")
    assert len(versions) == len(ALIASED)
    assert {version["DeletionPolicy"] for version in versions.values()} == {"Delete"}


# Gradual deployment


def test_by_default_a_release_is_deployed_at_once_without_codedeploy() -> None:
    assert not _made("AWS::CodeDeploy::DeploymentGroup")
    assert not _made("AWS::CodeDeploy::Application")


@pytest.mark.parametrize("name", ALIASED)
def test_a_canary_is_rolled_back_when_requests_fail_or_the_function_crashes(name: str) -> None:
    made = translated(**SECOND)["Resources"]
    group = made[f"{name}DeploymentGroup"]["Properties"]
    assert made[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    watched = _alarms_of(group)
    assert "RequestsFailedAlarm" in watched
    assert [alarm for alarm in watched if _watches_errors_of(alarm, name)]


def _alarms_of(group: dict[str, Any]) -> list[str]:
    alarms = chosen(group["AlarmConfiguration"], OnAws=True)
    assert alarms["Enabled"] is True
    return [alarm["Name"]["Ref"] for alarm in alarms["Alarms"]]


def _watches_errors_of(alarm: str, function: str) -> bool:
    metrics = [
        entry["MetricStat"]["Metric"]
        for entry in resources("AWS::CloudWatch::Alarm")[alarm].get("Metrics", [])
        if "MetricStat" in entry
    ]
    dimension = {"Name": "FunctionName", "Value": {"Ref": function}}
    return any(m["MetricName"] == "Errors" and m["Dimensions"] == [dimension] for m in metrics)


def test_all_allowed_deployment_types_exist_in_codedeploy() -> None:
    parameter = template()["Parameters"]["CanarySteps"]
    assert parameter["Default"] in parameter["AllowedValues"]
    for steps in parameter["AllowedValues"]:
        assert re.fullmatch(r"(Canary10Percent(5|10|15|30)|Linear10PercentEvery(1|2|3|10))Minutes?", steps)


# Snapshots


def test_functions_start_from_snapshots_only_if_configured() -> None:
    for name in ALIASED:
        snap = functions()[name]["SnapStart"]
        assert chosen({"on": snap}, Snapshots=False) == {}
        assert chosen(snap, Snapshots=True) == {"ApplyOn": "PublishedVersions"}
    assert not [name for name in functions() if "SnapStart" in functions()[name] and name not in ALIASED]
    assert template()["Parameters"]["SnapStart"]["Default"] == "false"


def test_snapshots_are_refused_for_runtimes_without_them() -> None:
    (assertion,) = template()["Rules"]["SnapshotsNeedTheirRuntime"]["Assertions"]
    runtimes, chosen_one = assertion["Assert"]["Fn::Contains"]
    assert chosen_one == {"Ref": "PythonRuntime"}
    allowed = template()["Parameters"]["PythonRuntime"]["AllowedValues"]
    assert set(allowed) - set(runtimes) == {"python3.11"}
