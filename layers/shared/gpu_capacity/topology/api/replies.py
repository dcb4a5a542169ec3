"""Builds the reply with the topology, and reads the parameters of its request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import ANSWER_BYTES_MAX, answer_bytes
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.topology.api.models import region_view
from gpu_capacity.topology.tree import TopologyFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.call import Call
    from gpu_capacity.topology.tree import RegionTopology


def topology(found: Sequence[RegionTopology]) -> Reply:
    """200 with the topology; without servers if it is larger than one response with them.

    Raises:
        InvalidRequest: it is larger than one response without them as well.
    """
    for servers in (True, False):
        views = [region_view(region, servers=servers) for region in found]
        if sum(map(answer_bytes, views)) <= ANSWER_BYTES_MAX:
            return Reply(HTTPStatus.OK, views, NO_CACHE)
    raise InvalidRequest(
        "query regionID",
        "required, as the topology is larger than one answer: narrow it by region, accelerator and unit",
    )


def topology_filter(call: Call[object]) -> TopologyFilter:
    """The part of the topology that the query parameters ask for."""
    return TopologyFilter(
        region_id=call.single("regionID"),
        accelerator=call.single("accelerator"),
        unit=call.single("unit"),
        project_id=call.single("projectID"),
        reservation_id=call.single("reservationID"),
    )
