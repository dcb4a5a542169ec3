"""Advice as the reservations API asks for it and shows it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, Field

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.reservations.advice import Obstacle
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.http.call import Call
    from gpu_capacity.reservations.advice import Advice

_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,8}")


class RemedyRead(Body):
    """What has to be over for the request to fit."""

    model_config = ConfigDict(title="reservationRemedy")

    obstacles: list[Obstacle]
    until: Timestamp | None = Field(
        None, description="When the last of the maintenances is to end. Absent if a repair is needed."
    )


class AdviceRead(Body):
    """What a request would get in a region now."""

    model_config = ConfigDict(title="reservationAdvice")

    region_id: str
    fits: bool = Field(description="Whether a dry run of this request succeeds now.")
    largest_count: int = Field(ge=0, description="The largest request that fits now; 0 if none does.")
    available_unit_count: int = Field(ge=0, description="Free units, no more than the quota leaves.")
    quota_room: int | None = Field(None, ge=0, description="What the quota leaves. Absent without a quota.")
    topology_observed_at: Timestamp = Field(description="When the hardware was last observed.")
    reason: str | None = Field(None, description="Why the request does not fit. For people.")
    remedy: RemedyRead | None = None


def advice_wanted(call: Call[object]) -> tuple[str, tuple[str, str, int], frozenset[str]]:
    """For whom, what (accelerator, unit, count) and in which regions.

    Raises:
        InvalidRequest: a parameter is missing, or the count is no number.
    """
    names = ("organizationID", "accelerator", "unit", "count")
    values = {name: call.single(name) or "" for name in names}
    if missing := [name for name in names if not values[name]]:
        raise InvalidRequest.of([(f"query {name}", "is required") for name in missing])
    if not _COUNT.fullmatch(values["count"]):
        raise InvalidRequest("query count", "must be a whole number")
    wanted = (values["accelerator"], values["unit"], int(values["count"]))
    return values["organizationID"], wanted, call.values("regionID")


def advised(found: Sequence[Advice]) -> Reply:
    """200 with the regions, the best first."""
    return Reply(HTTPStatus.OK, [_view(advice) for advice in found], NO_CACHE)


def _view(advice: Advice) -> dict[str, Any]:
    remedy = advice.remedy
    return as_json(
        AdviceRead.model_construct(
            region_id=advice.region.id,
            fits=advice.fits,
            largest_count=advice.largest,
            available_unit_count=advice.counts.available,
            quota_room=advice.room,
            topology_observed_at=timestamp(advice.region.observed_at),
            reason=_reason(advice),
            remedy=None
            if remedy is None
            else RemedyRead.model_construct(obstacles=remedy.obstacles, until=timestamp(remedy.until)),
        )
    )


def _reason(advice: Advice) -> str | None:
    if advice.fits:
        return None
    if advice.reason is not None:
        return advice.reason.describe()
    return f"the quota leaves {advice.room}"
