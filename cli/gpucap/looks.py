"""How holders are followed: what each of them says of itself, in one form for all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


class Goal(StrEnum):
    """What a waiter waits for."""

    READY = "ready"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True)
class Look:
    """A holder at one moment."""

    id: str
    name: str
    region: str
    state: str
    """In the API's own word."""
    message: str = ""
    have: int | None = None
    """Instances allocated, or servers up: a part of ``want``."""
    want: int | None = None
    of: str = ""
    """What ``have`` and ``want`` count."""
    reached: frozenset[Goal] = frozenset()
    failed: bool = False
    """It will never be ready."""


@dataclass(frozen=True)
class Kind:
    """A kind of holder: ``reservation``, listed and read by operations of the service."""

    name: str
    noun: str
    read: str
    identifier: str
    """The parameter of ``read`` that has the id."""
    list: str
    look: Callable[[Any], Look]


def reservation(body: Any) -> Look:
    """Look at a reservation."""
    metadata, spec = body["metadata"], body["spec"]
    status = metadata["provisioningStatus"]
    degraded = metadata["healthStatus"] not in {"healthy", "unknown"}
    detail = metadata.get("healthStatusDetail" if degraded else "provisioningStatusDetail", {})
    return Look(
        id=metadata["id"],
        name=metadata["name"],
        region=spec["regionId"],
        state=f"{status}, {metadata['healthStatus']}" if degraded else status,
        message=detail.get("message", ""),
        reached=frozenset({Goal.READY} if status == "provisioned" else ()),
        failed=status in {"error", "deprovisioning"},
    )


def placement(body: Any) -> Look:
    """Look at a placement.

    It is ready when every server has the image that is wanted, except that servers which get a new one only
    by hand may have another.
    """
    metadata, status = body["metadata"], body["status"]
    provisioning = metadata["provisioningStatus"]
    by_hand = body["spec"].get("updateStrategy", {}).get("type") == "Manual"
    ready = provisioning == "provisioned" and (status["statusCurrent"] or by_hand)
    return Look(
        id=metadata["id"],
        name=metadata["name"],
        region=status["regionId"],
        state=provisioning,
        message=metadata.get("provisioningStatusDetail", {}).get("message", ""),
        have=status["readyHostCount"],
        want=body["spec"]["count"],
        of="servers up",
        reached=frozenset({Goal.READY} if ready else ()),
        failed=provisioning in {"error", "deprovisioning"},
    )


def claim(body: Any) -> Look:
    """Look at a capacity claim, as one request shows it or as a list does."""
    told = body.get("capacityClaim", body)
    spec, status = told["spec"], told["status"]
    waits = [
        f"{condition['zone']}: {condition['message']}"
        for condition in status.get("conditions", ())
        if condition.get("zone") and condition.get("reason") not in {"Allocated", "NotNeeded"}
    ]
    return Look(
        id=spec["id"],
        name=spec.get("name", ""),
        region=", ".join(spec["resources"]["zones"]),
        state=status["status"].removeprefix("STATUS_").lower(),
        message="; ".join(waits),
        have=status["allocatedInstances"],
        want=spec["resources"]["instanceCount"],
        of="instances",
        reached=frozenset({Goal.READY} if status["status"] == "STATUS_READY" else ()),
        failed=status["status"] in {"STATUS_DELETING", "STATUS_ERROR", "STATUS_FAILED"},
    )


def vm(body: Any) -> Look:
    """Look at a VM. An interrupted one starts again by itself if it may."""
    status = body["status"]
    reached = {
        "running": {Goal.READY},
        "stopped": {Goal.STOPPED},
        "interrupted": {Goal.STOPPED},
        "destroyed": {Goal.GONE},
    }
    return Look(
        id=body["id"],
        name=body.get("instance_label") or "",
        region=body["node"],
        state=status,
        message=body.get("failure_reason") or body.get("interruption_reason") or "",
        reached=frozenset(reached.get(status, ())),
        failed=status in {"failed", "destroyed"},
    )


RESERVATION: Final = Kind(
    "reservation", "reservations", "getReservation", "reservationID", "listReservations", reservation
)
PLACEMENT: Final = Kind("placement", "placements", "getPlacement", "placementID", "listPlacements", placement)
CLAIM: Final = Kind("capacity claim", "claims", "getCapacityClaim", "claimID", "listCapacityClaims", claim)
VM: Final = Kind("VM", "vms", "getVm", "id", "listVms", vm)
KINDS: Final = (RESERVATION, PLACEMENT, CLAIM, VM)
