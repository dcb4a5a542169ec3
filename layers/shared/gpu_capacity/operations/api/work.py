"""What is left to do, in the operators' API: unsettled records, and the queues of capacity claims."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import cut, page_of
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, timestamp
from gpu_capacity.operations.api.holders import HolderRead, holder_view, kinds_in_query, seconds_in_query
from gpu_capacity.operations.list_queues import list_queues
from gpu_capacity.operations.list_unsettled import list_unsettled
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.list_queues import Needs as QueueNeeds
    from gpu_capacity.operations.list_queues import Queue
    from gpu_capacity.operations.list_unsettled import Needs as UnsettledNeeds
    from gpu_capacity.operations.list_unsettled import UnsettledHolder


class UnsettledRead(HolderRead):
    """A holder with work to do for it, and what it waits for."""

    model_config = ConfigDict(title="unsettledHolder")

    waits_for: str = Field(description="For people.")
    workflow: str | None = None
    execution: str | None = Field(None, description="The name of the execution of its workflow.")
    attempt: int


class WaitingRead(Body):
    """A capacity claim in a queue."""

    model_config = ConfigDict(title="waitingClaim")

    place: int = Field(ge=1, description="1 is served first.")
    organization_id: str
    id: str
    name: str
    creation_time: Timestamp
    instance_count: int
    pending_instance_count: int


class QueueRead(Body):
    """The capacity claims that wait for an instance type in a zone."""

    model_config = ConfigDict(title="claimQueue")

    region_id: str
    instance_type: str
    waiting: list[WaitingRead]


def show_unsettled(call: Call[UnsettledNeeds]) -> Reply:
    """200 with the unsettled records, the longest unsettled first; ``Link`` leads to the next page."""
    page = page_of(call, "unsettled", ())
    found = list_unsettled(call.services, kinds_in_query(call), seconds_in_query(call, "olderThan") or 0)
    rest = [one for one in found if page.after is None or (one.id, one.organization_id) > page.after]
    views, link = cut(page, rest[: None if page.limit is None else page.limit + 1], _unsettled_view)
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)


def show_queues(call: Call[QueueNeeds]) -> Reply:
    """200 with the queues in which anybody waits."""
    found = list_queues(call.services, call.values("regionID"))
    return Reply(HTTPStatus.OK, [_queue_view(queue) for queue in found], NO_CACHE)


def _unsettled_view(one: UnsettledHolder) -> dict[str, Any]:
    named = {} if one.execution is None else {"workflow": one.record.workflow, "execution": one.execution}
    return {
        **holder_view(one.record),
        "waitsFor": one.waits_for,
        **named,
        "attempt": one.record.attempt,
    }


def _queue_view(queue: Queue) -> dict[str, Any]:
    return {
        "regionId": queue.zone,
        "instanceType": queue.instance_type,
        "waiting": [
            {
                "place": one.place,
                "organizationId": one.claim.organization_id,
                "id": one.claim.id,
                "name": one.claim.name,
                "creationTime": timestamp(one.claim.created_at),
                "instanceCount": one.claim.instance_count,
                "pendingInstanceCount": one.claim.pending,
            }
            for one in queue.waiting
        ],
    }
