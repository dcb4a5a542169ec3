"""The dashboard shows what the stack counts, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.runtime.observability import NAMESPACE
from tests.template import source
from tests.template.loading import resources, template

if TYPE_CHECKING:
    from collections.abc import Iterator

(DASHBOARD,) = resources("AWS::CloudWatch::Dashboard").values()
BODY: dict[str, Any] = json.loads(DASHBOARD["DashboardBody"]["Fn::Sub"])


def _metrics() -> Iterator[tuple[str, str, dict[str, str]]]:
    """(namespace, metric, dimensions) of every line; a point repeats the value above it."""
    for widget in BODY["widgets"]:
        above: list[Any] = []
        for line in widget["properties"].get("metrics", []):
            words = [word for word in line if isinstance(word, str)]
            above = [above[i] if word == "." else word for i, word in enumerate(words)]
            namespace, metric, *dimensions = above
            yield namespace, metric, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def test_the_dashboard_has_only_metrics_that_the_code_counts_under_the_name_of_the_stack() -> None:
    own = [(metric, dimensions) for namespace, metric, dimensions in _metrics() if namespace == NAMESPACE]
    assert {metric for metric, _ in own} <= source.metrics_counted()
    assert all(dimensions == {"service": "${AWS::StackName}"} for _, dimensions in own)


@pytest.mark.parametrize(
    ("namespace", "dimensions"),
    [
        ("AWS/ApiGateway", [{"ApiName": "${AWS::StackName}", "Stage": "live"}]),
        ("AWS/DynamoDB", [{"TableName": f"${{{table}}}"} for table in resources("AWS::DynamoDB::Table")]),
    ],
)
def test_metrics_of_aws_are_those_of_this_stack(namespace: str, dimensions: list[dict[str, str]]) -> None:
    shown = [found for space, _, found in _metrics() if space == namespace]
    assert shown
    assert all(found in dimensions for found in shown)
    assert all(expected in shown for expected in dimensions)


def test_the_api_counts_under_the_name_that_the_dashboard_shows() -> None:
    (api,) = resources("AWS::Serverless::Api").values()
    assert (api["Name"], api["StageName"]) == ({"Fn::Sub": "${AWS::StackName}"}, "live")


def test_widgets_are_side_by_side_in_the_region_of_the_stack() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in BODY["widgets"]:
        assert widget["properties"]["region"] == "${AWS::Region}"
        places = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not places & taken
        assert all(x < 24 for x, _ in places)
        taken |= places


def test_dashboards_of_two_stacks_or_regions_have_two_names() -> None:
    assert DASHBOARD["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
    assert template()["Resources"]["StackDashboard"]["Condition"] == "HasDashboard"
