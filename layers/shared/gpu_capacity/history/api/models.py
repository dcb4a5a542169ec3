"""Events in the APIs: camel case in two of them, snake case in that of VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from gpu_capacity.accounts.api.body import VmBody
from gpu_capacity.history.event import Word
from gpu_capacity.http.rendering import Timestamp, as_json
from gpu_capacity.plain_numbers import whole
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.vms.api.models import PAGE_MAX

if TYPE_CHECKING:
    from gpu_capacity.history.items import Entry


def _written(value: object) -> object:
    """A whole number as a query has it, in digits only."""
    return whole(value) if isinstance(value, str) else value


class HolderEvent(Body):
    """Something that happened to a reservation, a placement or a capacity claim."""

    model_config = ConfigDict(title="holderEvent")

    id: str = Field(description="The id of the event on the bus.")
    event: Word
    time: Timestamp = Field(description="When the database made the change.")
    sequence: str = Field(description="Orders the events of one holder, as a text.")
    status: str = Field(description="The status after it; `gone` once the holder is removed.")
    status_before: str | None = None
    hosts: int | None = Field(None, description="How many hosts it owns after it.")
    effective_at: Timestamp | None = Field(None, description="When it takes effect, if that is later.")
    message: str | None = None


class HolderEvents(Body):
    """A page of the events of a capacity claim, newest first."""

    model_config = ConfigDict(title="CapacityClaimEvents")

    events: list[HolderEvent]


class VmEvent(VmBody):
    """Something that happened to a VM."""

    model_config = ConfigDict(title="VmEvent")

    id: str = Field(description="The id of the event on the bus.")
    event: Word
    time: Timestamp = Field(description="When the database made the change.")
    sequence: str = Field(description="Orders the events of one VM, as a text.")
    status: str = Field(description="The status after it.")
    status_before: str | None = None
    gpus: int | None = Field(None, description="How many GPUs it owns after it.")
    effective_at: Timestamp | None = Field(None, description="When it takes effect, if that is later.")
    message: str | None = None


class VmEventsPage(VmBody):
    """Which part of the events of a VM; ``cursor`` is what a ``Link`` says."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(_written)] = 50
    cursor: str | None = None


def event_view(entry: Entry) -> dict[str, Any]:
    """An event in camel case."""
    data = entry.event["data"]
    return as_json(HolderEvent.model_construct(**_common(entry), hosts=data.get("hosts")))


def vm_event_view(entry: Entry) -> dict[str, Any]:
    """An event in snake case."""
    data = entry.event["data"]
    return as_json(VmEvent.model_construct(**_common(entry), gpus=data.get("gpus")))


def _common(entry: Entry) -> dict[str, Any]:
    event, data = entry.event, entry.event["data"]
    return {
        "id": event.get("id"),
        "event": data.get("event"),
        "time": event.get("time"),
        "sequence": event.get("sequence"),
        "status": data.get("status"),
        "status_before": data.get("statusBefore"),
        "effective_at": data.get("effectiveAt"),
        "message": data.get("message"),
    }
