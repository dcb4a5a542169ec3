"""The map of a region, and holders of all organizations, in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.holders import ForceDeleteBody, HolderDetailRead, HolderRead
from gpu_capacity.operations.api.region_map import OperatorRegionRead, RegionMapRead
from gpu_capacity.operations.api.work import QueueRead, UnsettledRead
from gpu_capacity.operations.kinds import HolderKind
from tools.openapi import paging
from tools.openapi.description import Answer, Json, OperationText, in_path, in_query, repeated
from tools.openapi.operators.tag import OPERATORS_TAG
from tools.openapi.reservation_examples import RESERVATION_ID

_KINDS: Final = {"type": "string", "enum": [kind.value for kind in HolderKind]}

PARAMETERS: Final[dict[str, Json]] = {
    "mapHostsQueryParameter": in_query(
        "hosts", "With true each domain has its hosts.", type="boolean", default=False
    ),
    "mapPodIDQueryParameter": repeated("podID", "Only these pods."),
    "holderRegionIDQueryParameter": repeated("regionID", "Only of one of these regions."),
    "holderKindQueryParameter": repeated("kind", "Only of one of these kinds.", _KINDS),
    "holderStatusQueryParameter": repeated(
        "status", "Only in one of these statuses, as their own API has it."
    ),
    "holderOrganizationIDQueryParameter": repeated("organizationID", "Only of one of these organizations."),
    "olderThanQueryParameter": in_query(
        "olderThan", "At least so many seconds old.", type="integer", minimum=0
    ),
    "youngerThanQueryParameter": in_query(
        "youngerThan", "At most so many seconds old.", type="integer", minimum=0
    ),
    "holderKindParameter": in_path("kind", "The kind of holder.", enum=_KINDS["enum"]),
    "holderIDParameter": in_path("holderID", "The holder's id."),
}

_ORGANIZATION: Final = "a1b2c3d4-0000-4000-8000-000000000001"
_WHO: Final[Json] = {"kind": "reservation", "organizationId": _ORGANIZATION, "id": RESERVATION_ID}
_HOLDER: Final[Json] = {
    **_WHO,
    "projectId": "b1b2c3d4-0000-4000-8000-000000000001",
    "name": "training",
    "status": "provisioning",
    "regionIds": ["us-tex-1"],
    "creationTime": "2026-11-30T09:30:00Z",
    "createdBy": "john.doe@example.com",
    "unsettledSince": "2026-11-30T09:30:00Z",
    "pods": [{"regionId": "us-tex-1", "podId": "pod1", "positions": [3]}],
}
_PART: Final[Json] = {
    "regionId": "us-tex-1",
    "podId": "pod1",
    "position": 3,
    "domainId": "pod1-rack03",
    "hostIds": ["pod1-rack03-tray00", "pod1-rack03-tray01"],
}
_MAP: Final[Json] = {
    "regionId": "us-tex-1",
    "observedAt": "2026-11-30T09:25:00Z",
    "withdrawn": False,
    "states": [],
    "domainCounts": {"held": 1, "cordoned": 1},
    "pods": [
        {
            "id": "pod1",
            "flavorId": "g.72.gb300.pinned",
            "version": 3,
            "states": [],
            "domains": [
                {
                    "id": "pod1-rack03",
                    "name": "nvl-a3",
                    "position": 3,
                    "states": ["held", "cordoned"],
                    "holders": [_WHO],
                    "hostCount": 18,
                    "freeHostCount": 0,
                }
            ],
        }
    ],
}
_NAMED: Final = ("operatedOrganizationIDParameter", "holderKindParameter", "holderIDParameter")

OPERATIONS: Final = {
    "list_operator_regions": OperationText(
        tag=OPERATORS_TAG,
        summary="List regions",
        description="Lists every region of the catalogue, whoever may see it.",
        answers={
            200: Answer(
                "The regions.",
                OperatorRegionRead,
                many=True,
                example=[{"regionId": "us-tex-1", "observedAt": "2026-11-30T09:25:00Z", "withdrawn": False}],
            )
        },
        errors=(400, 401, 403, 500),
    ),
    "get_region_map": OperationText(
        tag=OPERATORS_TAG,
        summary="Map a region",
        description="Shows the pods and domains of a region with all that is true of each, and who has it: a "
        "domain may be held and cordoned. Ownership is what the pods record; whose it is, the records say.",
        parameters=("regionIDParameter", "mapHostsQueryParameter", "mapPodIDQueryParameter"),
        answers={200: Answer("The map.", RegionMapRead, example=_MAP)},
        errors=(400, 401, 403, 404, 500),
    ),
    "list_holders": OperationText(
        tag=OPERATORS_TAG,
        summary="Search holders",
        description="Lists reservations, placements, capacity claims and VMs of all organizations, the "
        "oldest first. Different parameters must all hold; of one that is repeated any value will do. A pod, "
        "domain or host goes with its one region.",
        parameters=(
            "holderRegionIDQueryParameter",
            "targetPodIDQueryParameter",
            "targetDomainIDQueryParameter",
            "targetHostIDQueryParameter",
            "holderKindQueryParameter",
            "holderStatusQueryParameter",
            "holderOrganizationIDQueryParameter",
            "olderThanQueryParameter",
            "youngerThanQueryParameter",
            *paging.NAMES,
        ),
        answers={200: Answer("The holders.", HolderRead, many=True, example=[_HOLDER], headers=("Link",))},
        errors=(400, 401, 403, 404, 500),
    ),
    "get_holder": OperationText(
        tag=OPERATORS_TAG,
        summary="Get a holder",
        description="Shows a holder of any organization with the hardware that it has by name, also one "
        "whose request is still in progress.",
        parameters=_NAMED,
        answers={200: Answer("The holder.", HolderDetailRead, example={**_HOLDER, "parts": [_PART]})},
        errors=(400, 401, 403, 404, 500),
    ),
    "force_delete_holder": OperationText(
        tag=OPERATORS_TAG,
        summary="Delete a holder",
        description="Begins to delete a holder, through the same fences and workflows as its owner would. "
        "The reason is in its record, where its owner reads it, and in an audit line. A repeat changes "
        "nothing.",
        parameters=_NAMED,
        request=ForceDeleteBody,
        request_example={"reason": "the contract has ended"},
        answers={202: Answer("The deletion has begun.")},
        errors=(400, 401, 403, 404, 409, 413, 415, 500),
    ),
    "list_unsettled": OperationText(
        tag=OPERATORS_TAG,
        summary="List unsettled holders",
        description="Lists the holders for which a workflow or a request has work to do, the longest "
        "unsettled first, with what each waits for. `olderThan` counts from then.",
        parameters=("holderKindQueryParameter", "olderThanQueryParameter", *paging.NAMES),
        answers={
            200: Answer(
                "The holders.",
                UnsettledRead,
                many=True,
                example=[
                    {
                        **_HOLDER,
                        "waitsFor": "the provider, to hold its hosts",
                        "workflow": "provision",
                        "execution": f"provision-{RESERVATION_ID}-1796031000-0",
                        "attempt": 0,
                    }
                ],
                headers=("Link",),
            )
        },
        errors=(400, 401, 403, 500),
    ),
    "list_queues": OperationText(
        tag=OPERATORS_TAG,
        summary="List queues of capacity claims",
        description="Lists who waits for which instances in which zone, with place and age. Queues in which "
        "nobody waits are left out.",
        parameters=("holderRegionIDQueryParameter",),
        answers={
            200: Answer(
                "The queues.",
                QueueRead,
                many=True,
                example=[
                    {
                        "regionId": "us-tex-1",
                        "instanceType": "gb300",
                        "waiting": [
                            {
                                "place": 1,
                                "organizationId": _ORGANIZATION,
                                "id": "d1c2b3a4-0000-4000-8000-000000000074",
                                "name": "inference",
                                "creationTime": "2026-11-30T09:30:00Z",
                                "instanceCount": 10,
                                "pendingInstanceCount": 2,
                            }
                        ],
                    }
                ],
            )
        },
        errors=(400, 401, 403, 500),
    ),
}
