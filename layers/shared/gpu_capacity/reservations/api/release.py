"""The release of units in the API: entity tags, bodies and the refusal that names placements."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictStr, field_validator

from gpu_capacity.http.call import Reply
from gpu_capacity.http.conditions import tag_of, tagged
from gpu_capacity.http.rendering import NO_CACHE, as_json
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.api.models import ReservationRead, reservation_view
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX
from gpu_capacity.reservations.release_units import UnitRelease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.errors import UnitsOccupied
    from gpu_capacity.http.call import Call
    from gpu_capacity.reservations.release_units import Released


class UnitReleaseSpec(Body):
    """Which units."""

    model_config = ConfigDict(title="reservationUnitReleaseV2Spec")

    unit_ids: Annotated[list[StrictStr], Field(min_length=1, max_length=UNITS_PER_RESERVATION_MAX)] = Field(
        description="Ids of units, as the topology shows them.", json_schema_extra={"uniqueItems": True}
    )

    @field_validator("unit_ids")
    @classmethod
    def _each_once(cls, unit_ids: list[str]) -> list[str]:
        if len(set(unit_ids)) != len(unit_ids):
            raise ValueError("every unit may be named once")
        return unit_ids


class UnitReleaseBody(Body):
    """A request to release units of a reservation."""

    model_config = ConfigDict(title="reservationUnitReleaseV2")

    spec: UnitReleaseSpec


class ReleasedUnitRead(Body):
    """A unit that was released."""

    model_config = ConfigDict(title="releasedReservationUnitV2")

    id: str
    infrastructure_refs: list[str] = Field(description="The ids of its hosts.")


class UnitReleaseRead(Body):
    """The reservation without the units, and the units."""

    model_config = ConfigDict(title="reservationUnitReleaseV2Read")

    reservation: ReservationRead
    released_units: list[ReleasedUnitRead]


class ManagerRead(Body):
    """What manages a placement, where that is another controller."""

    model_config = ConfigDict(title="reservationUnitConsumerManagerV2")

    kind: str
    id: str


class ConsumerRead(Body):
    """What has hosts of a unit."""

    model_config = ConfigDict(title="reservationUnitConsumerV2")

    type: Literal["placement"]
    placement_id: str
    server_ids: list[str]
    managed_by: ManagerRead | None = None


class BlockerRead(Body):
    """A unit that cannot be released, and what the caller may know of the reason."""

    model_config = ConfigDict(title="reservationUnitReleaseBlockerV2")

    unit_id: str
    consumers: list[ConsumerRead]


class BlockersRead(Body):
    """Why units were not released."""

    model_config = ConfigDict(title="reservationUnitReleaseBlockersV2")

    blockers: list[BlockerRead]


def release_request(call: Call[object]) -> UnitRelease:
    """What a request asks to release, and the entity tag that it was decided on.

    Raises:
        PreconditionRequired: there is no ``If-Match``.
        InvalidRequest: it is not one strong entity tag.
        UnsupportedMediaType, BodyTooLarge, MalformedBody, BodyInvalid: see ``Call.body``.
    """
    tag = tag_of(call, "topologyHash")
    return UnitRelease(tag, tuple(call.body(UnitReleaseBody).spec.unit_ids))


def released(found: Released) -> Reply:
    """200 with the reservation and the units; ``ETag`` has the tag for the next release."""
    body = {
        "reservation": reservation_view(found.observed),
        "releasedUnits": [
            as_json(ReleasedUnitRead.model_construct(id=unit.id, infrastructure_refs=list(unit.host_ids)))
            for unit in found.units
        ],
    }
    return Reply(HTTPStatus.OK, body, NO_CACHE | tagged(str(found.observed.topology_hash)))


def blockers_view(error: UnitsOccupied) -> dict[str, Any]:
    """The body of the refusal: one blocker for each occupied unit."""
    blockers = [
        BlockerRead.model_construct(unit_id=unit_id, consumers=_consumers(placements))
        for unit_id, placements in error.blockers.items()
    ]
    return as_json(BlockersRead.model_construct(blockers=blockers))


def _consumers(placements: Mapping[str, tuple[str, ...]]) -> list[ConsumerRead]:
    return [
        ConsumerRead.model_construct(type="placement", placement_id=placement_id, server_ids=list(servers))
        for placement_id, servers in placements.items()
    ]
