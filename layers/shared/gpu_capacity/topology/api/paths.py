"""Replies and parameters of the two routes that NVIDIA topograph reads.

Names, casing and paging are its own: what its provider ``nscale`` sends and understands.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.call import Call
    from gpu_capacity.topology.paths import HeldHost

PAGE_HOSTS_MAX: Final = 10_000
"""The most hosts of a page: 250 bytes each. Clients go on from what they got, so a page may be shorter."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class NetworkPathRead(BaseModel):
    """A host and its way through the network."""

    model_config = ConfigDict(title="networkPath", defer_build=True)

    instance_id: str = Field(description="The id of the host.")
    network_node_path: list[str] = Field(
        description="From the root down: the region, the pod, and the domain if it has several hosts."
    )
    block_id: str | None = Field(
        None, description="The NVLink domain. Absent if the host is alone in its domain."
    )


class NetworkPathsRead(BaseModel):
    """A page of hosts. An empty one is the last."""

    model_config = ConfigDict(title="networkPaths", defer_build=True)

    results: list[NetworkPathRead]


class InstanceNameMetadata(BaseModel):
    """Id and name of a host."""

    model_config = ConfigDict(title="instanceNameMetadata", defer_build=True)

    id: str = Field(description="The id of the host.")
    name: str = Field(description="The hostname of the server on it; the name of the host if it has none.")


class InstanceNameRead(BaseModel):
    """A host by the name that a scheduler knows it by."""

    model_config = ConfigDict(title="instanceName", defer_build=True)

    metadata: InstanceNameMetadata


def network_paths(call: Call[object], found: Sequence[HeldHost]) -> Reply:
    """200 with the page of hosts that the query asks for.

    Raises:
        InvalidRequest: ``limit`` or ``offset`` is no whole number.
    """
    offset = _number(call, "offset", 0)
    limit = min(_number(call, "limit", PAGE_HOSTS_MAX, lowest=1), PAGE_HOSTS_MAX)
    results = [_path_view(host) for host in found[offset : offset + limit]]
    return Reply(HTTPStatus.OK, {"results": results}, NO_CACHE)


def instance_names(found: Sequence[HeldHost]) -> Reply:
    """200 with an array of hosts."""
    return Reply(HTTPStatus.OK, [_name_view(host) for host in found], NO_CACHE)


def named_in_headers(call: Call[object]) -> tuple[str, str]:
    """The organization and the region that the headers name.

    Raises:
        InvalidRequest: one of them is missing.
    """
    return _required(
        ("header X-Organization", call.headers.get("x-organization")),
        ("header X-Region", call.headers.get("x-region")),
    )


def named_in_query(call: Call[object]) -> tuple[str, str]:
    """The organization and the region that the query names.

    Raises:
        InvalidRequest: one of them is missing.
    """
    return _required(
        ("query organizationID", call.single("organizationID")), ("query regionID", call.single("regionID"))
    )


def _required(organization: tuple[str, str | None], region: tuple[str, str | None]) -> tuple[str, str]:
    if organization[1] and region[1]:
        return organization[1], region[1]
    raise InvalidRequest.of([(place, "required") for place, value in (organization, region) if not value])


def _number(call: Call[object], name: str, default: int, *, lowest: int = 0) -> int:
    text = call.single(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < lowest:
        raise InvalidRequest(f"query {name}", f"must be a whole number from {lowest} on")
    return int(text)


def _path_view(host: HeldHost) -> dict[str, Any]:
    return as_json(
        NetworkPathRead.model_construct(
            instance_id=host.id, network_node_path=list(host.path), block_id=host.block
        )
    )


def _name_view(host: HeldHost) -> dict[str, Any]:
    return {"metadata": {"id": host.id, "name": host.name}}
