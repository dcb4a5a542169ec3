"""Compares the template's routes with those in the emulator, and adds the ones that it is known to drop.

The emulator silently drops `Method: ANY`; on AWS those routes exist, so this module adds them with API
Gateway's own operations. Any other missing route is an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tools.local_stack.deploy import Stack
from tools.local_stack.emulator import REGION
from tools.local_stack.errors import LaunchError

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

ACCOUNT = "000000000000"
ANY = "ANY"
ANY_METHOD = "x-amazon-apigateway-any-method"
FUNCTION_IN_URI = re.compile(r"\$\{(\w+)\.Arn\}")


@dataclass(frozen=True, order=True)
class Route:
    """One method of one path, and the logical id of the function behind it."""

    path: str
    method: str
    function: str


def promised(template: Path) -> list[Route]:
    """Read the routes of a built template (all intrinsics in long form), by path and method."""
    content: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    return sorted(
        Route(path, ANY if method == ANY_METHOD else method.upper(), _function_of(operation))
        for resource in content["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Api"
        for path, methods in resource["Properties"]["DefinitionBody"]["paths"].items()
        for method, operation in methods.items()
    )


def _function_of(operation: Mapping[str, Any]) -> str:
    """Return the logical id of the function that an operation of the definition calls."""
    uri: str = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    found = FUNCTION_IN_URI.search(uri)
    if not found:
        raise LaunchError(f"the template has a route whose target is not a function: {uri}")
    return found[1]


def answering(routes: Sequence[Route], method: str, path: str) -> str:
    """Return the function that answers a request, else "". Literal parts go before parameters."""
    parts = path.split("/")
    fitting = [route for route in routes if route.method in {ANY, method} and _fits(route.path, parts)]
    return (
        min(fitting, key=lambda route: (route.method == ANY, route.path.count("{"))).function
        if fitting
        else ""
    )


def _fits(path: str, parts: Sequence[str]) -> bool:
    """Whether the path of a request fits that of a route, given in parts."""
    wanted = path.split("/")
    if wanted[-1].endswith("+}"):
        wanted, parts = wanted[:-1], parts[: len(wanted) - 1]
    return len(wanted) == len(parts) and all(
        name.startswith("{") or name == part for name, part in zip(wanted, parts, strict=True)
    )


def existing(gateway: "APIGatewayClient", api: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return the API's resources: path to resource id and methods."""
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    return {
        item["path"]: (item["id"], frozenset(item.get("resourceMethods", {})))
        for page in pages
        for item in page["items"]
    }


def complete(gateway: "APIGatewayClient", stack: Stack, template: Path) -> tuple[int, int]:
    """Add missing routes; return how many routes there are and how many were added.

    Raises:
        LaunchError: a route is missing that the emulator should have created.
    """
    api, stage = stack.api()
    routes = promised(template)
    if not routes:
        raise LaunchError("the template has no routes")
    found = existing(gateway, api)
    missing = [
        route for route in routes if route.path not in found or route.method not in found[route.path][1]
    ]
    unexpected = [f"{route.method} {route.path}" for route in missing if route.method != ANY]
    if unexpected:
        raise LaunchError(f"the emulator did not create these routes: {', '.join(unexpected)}")
    resource_ids = {path: resource_id for path, (resource_id, _) in found.items()}
    for route in missing:
        add(gateway, api, resource_ids, route, stack)
    if missing:
        gateway.create_deployment(restApiId=api, stageName=stage)
    return len(routes), len(missing)


def add(
    gateway: "APIGatewayClient", api: str, resource_ids: dict[str, str], route: Route, stack: Stack
) -> None:
    """Create one route: its method and the integration that calls its function."""
    resource = ensure_resource(gateway, api, resource_ids, route.path)
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical_id(stack.resources, route.function)}"
    gateway.put_method(restApiId=api, resourceId=resource, httpMethod=route.method, authorizationType="NONE")
    gateway.put_integration(
        restApiId=api,
        resourceId=resource,
        httpMethod=route.method,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
    )


def physical_id(resources: Mapping[str, str], logical_id: str) -> str:
    """Return the physical id of a resource; LaunchError if the stack does not have it."""
    try:
        return resources[logical_id]
    except KeyError:
        raise LaunchError(f"the emulator did not create {logical_id}") from None


def ensure_resource(gateway: "APIGatewayClient", api: str, resource_ids: dict[str, str], path: str) -> str:
    """Return the id of a path's resource; creates it and its parents if they are missing."""
    if path not in resource_ids:
        parent, _, part = path.rpartition("/")
        parent_id = ensure_resource(gateway, api, resource_ids, parent or "/")
        made = gateway.create_resource(restApiId=api, parentId=parent_id, pathPart=part)
        resource_ids[path] = made["id"]
    return resource_ids[path]
