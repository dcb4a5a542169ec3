"""Texts of the reservations API: parameters, answers and examples. Names follow the published contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gpu_capacity.reservations.api import models
from gpu_capacity.reservations.api.advice import AdviceRead
from gpu_capacity.reservations.api.units import ReservationUnitRead
from gpu_capacity.reservations.record import UNITS_PER_RESERVATION_MAX
from tools.openapi import creating, events, paging, unit_release, usage
from tools.openapi import reservation_examples as examples
from tools.openapi.description import Answer, ApiText, Json, OperationText, in_path, in_query, repeated
from tools.openapi.reservation_errors import ERRORS

_RESERVATIONS: Final = "Reservations"
_UNITS: Final = "Reservation Units"
_SERVICE: Final = "Service"
_USAGE: Final = "Usage"


def _filter(name: str, description: str) -> Json:
    return repeated(name, f"{description} Repeated, any of the values will do.")


PARAMETERS: Final[dict[str, Json]] = {
    "placementIDParameter": in_path("placementID", "The placement's id.", minLength=1, maxLength=63),
    "reservationIDQueryParameter": _filter(
        "reservationID", "Allows placements to be filtered by the reservation whose hosts they have."
    ),
    "networkIDQueryParameter": _filter("networkID", "Allows placements to be filtered by network."),
    "allowedMaintenanceIDParameter": in_path("maintenanceID", "The maintenance's id, as holders read it."),
    "reservationIDParameter": in_path("reservationID", "The reservation's id.", minLength=1, maxLength=63),
    "organizationIDParameter": in_path(
        "organizationID", "The organization's id. Operators may name any.", minLength=1, maxLength=63
    ),
    "organizationIDQueryParameter": _filter(
        "organizationID",
        "Narrows where to look. Operators reach other organizations only by naming them here.",
    ),
    "projectIDQueryParameter": _filter("projectID", "Allows resources to be filtered by project."),
    "regionIDQueryParameter": _filter("regionID", "Allows resources to be filtered by region."),
    "acceleratorQueryParameter": _filter(
        "accelerator", "Allows reservation units to be filtered by accelerator model or family."
    ),
    "reservationUnitQueryParameter": _filter(
        "unit", "Allows reservation units to be filtered by reservation granularity."
    ),
    "tagSelectorParameter": {
        **repeated(
            "tag",
            "A tag that resources must have, as name=value. Compared as it is written, so that equals signs "
            "in a name or a value do no harm. Repeated, they must have all of them.",
            {"type": "string", "pattern": "="},
        ),
        "example": ["workload=training"],
    },
    "advisedOrganizationIDQueryParameter": in_query("organizationID", "For whom.") | {"required": True},
    "advisedAcceleratorQueryParameter": in_query("accelerator", "The accelerator.") | {"required": True},
    "advisedUnitQueryParameter": in_query("unit", "The unit.") | {"required": True},
    "advisedCountQueryParameter": in_query(
        "count", "How many units.", type="integer", minimum=1, maximum=UNITS_PER_RESERVATION_MAX
    )
    | {"required": True},
    **unit_release.PARAMETERS,
    **paging.PARAMETERS,
    **creating.PARAMETERS,
    **usage.PARAMETERS,
}
_UNIT_LIST: Final = Answer(
    "A list of reservation units.", ReservationUnitRead, many=True, example=[examples.UNIT]
)
_ONE: Final = Answer("A reservation.", models.ReservationRead, example=examples.RESERVATION)


def listed(tag: str, noun: str, one: Answer, *filters: str) -> OperationText:
    """The list of a project's resources; ``filters`` are parameters beside those that every such list has."""
    return OperationText(
        tag=tag,
        summary=f"List {noun}s",
        description="Lists what the caller may see, in id order; an empty array where there is nothing. "
        "Different parameters must all hold.",
        parameters=(
            "tagSelectorParameter",
            "organizationIDQueryParameter",
            "projectIDQueryParameter",
            "regionIDQueryParameter",
            *filters,
            *paging.NAMES,
        ),
        answers={
            200: replace(
                one, description=f"A list of {noun}s.", many=True, example=[one.example], headers=("Link",)
            )
        },
        errors=(400, 401, 403, 500),
    )


RESERVATIONS: Final = ApiText(
    tags={
        _RESERVATIONS: "Project scoped reservations of one or more contiguous accelerator units in a region.",
        _UNITS: "Regional accelerator units and their current aggregate capacity.",
        _USAGE: "GPU-seconds of holders, by day.",
        _SERVICE: "The service itself.",
    },
    parameters=PARAMETERS,
    errors=ERRORS,
    schema_names={
        **events.SCHEMA_NAMES,
        **usage.SCHEMA_NAMES,
        "Architecture": "hostArchitectureV2",
        "GpuVendor": "gpuVendorV2",
        "Health": "resourceHealthStatus",
    },
    operations={
        "create_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Create reservation",
            description="Claims contiguous units at once and provisions them afterwards: poll the "
            "reservation until it is provisioned or error.",
            parameters=creating.NAMES,
            request=models.ReservationCreate,
            request_example=examples.REQUEST,
            answers=creating.answers("reservation", _ONE),
            errors=(400, 401, 403, 404, 409, 413, 415, 500, 507),
        ),
        "list_reservations": listed(_RESERVATIONS, "reservation", _ONE),
        "get_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Get reservation",
            description="Shows one reservation. Its status is deprovisioning while it is being torn down; "
            "then it is 404.",
            parameters=("reservationIDParameter", "organizationIDQueryParameter"),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 500),
        ),
        "list_usage": usage.of(_USAGE, "the caller's organizations"),
        "list_reservation_events": events.of_project(_RESERVATIONS, "reservation", "reservationIDParameter"),
        "delete_reservation": OperationText(
            tag=_RESERVATIONS,
            summary="Delete reservation",
            description="Begins to tear down, whatever the status. Repeated meanwhile, it changes nothing.",
            parameters=("reservationIDParameter", "organizationIDQueryParameter"),
            answers={202: Answer("The teardown was accepted.")},
            errors=(400, 401, 403, 404, 500),
        ),
        "release_reservation_units": unit_release.operation_text(_RESERVATIONS, examples.RESERVATION),
        "allow_reservation_maintenance": OperationText(
            tag=_RESERVATIONS,
            summary="Allow maintenance",
            description="Lets a maintenance that is about hosts of the reservation begin on them now, also "
            "before its window. Servers there are stopped within a minute or two, and started again when it "
            "ends. A repeat does nothing.",
            parameters=(
                "reservationIDParameter",
                "allowedMaintenanceIDParameter",
                "organizationIDQueryParameter",
            ),
            answers={200: _ONE},
            errors=(400, 401, 403, 404, 409, 500),
        ),
        "list_reservation_units": OperationText(
            tag=_UNITS,
            summary="List reservation units",
            description="Lists the offerings of the regions that the caller may see, and how much of each is "
            "free now. Different parameters must all hold.",
            parameters=(
                "regionIDQueryParameter",
                "acceleratorQueryParameter",
                "reservationUnitQueryParameter",
            ),
            answers={200: _UNIT_LIST},
            errors=(400, 401, 403, 500),
        ),
        "list_organization_reservation_units": OperationText(
            tag=_UNITS,
            summary="List reservation units of an organization",
            description="Lists what is on offer in the regions that the organization may know of, and how "
            "much of it the organization can have now: no more than its quota leaves. Different parameters "
            "must all hold.",
            parameters=(
                "organizationIDParameter",
                "regionIDQueryParameter",
                "acceleratorQueryParameter",
                "reservationUnitQueryParameter",
            ),
            answers={200: _UNIT_LIST},
            errors=(400, 401, 403, 500),
        ),
        "advise_reservation": OperationText(
            tag=_UNITS,
            summary="Advise where a reservation fits",
            description="Says for each region that offers the unit what a reservation of this count would "
            "get now, the best first, and what has to be over for it to fit.",
            parameters=(
                "advisedOrganizationIDQueryParameter",
                "advisedAcceleratorQueryParameter",
                "advisedUnitQueryParameter",
                "advisedCountQueryParameter",
                "regionIDQueryParameter",
            ),
            answers={200: Answer("Regions, the best first.", AdviceRead, many=True, example=examples.ADVICE)},
            errors=(400, 401, 403, 500),
        ),
        "list_reservation_quotas": OperationText(
            tag=_RESERVATIONS,
            summary="List quotas of reservations",
            description="Lists the limits of organizations on units of accelerators and on servers of "
            "placements, and how much of each is used. Subjects without a limit are omitted.",
            parameters=("organizationIDQueryParameter",),
            answers={
                200: Answer(
                    "A list of quotas.",
                    models.QuotaRead,
                    many=True,
                    example=[
                        {
                            "organizationId": "9a8c6370-4065-4d4a-9da0-7678df40cd9d",
                            "subject": "GB300",
                            "limit": 16,
                            "used": 2,
                        }
                    ],
                )
            },
            errors=(400, 401, 403, 500),
        ),
        "get_version": OperationText(
            tag=_SERVICE,
            summary="Get version",
            description="Name and version of the service.",
            answers={
                200: Answer(
                    "Name and version.",
                    models.VersionRead,
                    example={"name": "gpu-capacity-reservation", "version": "0.5.0"},
                )
            },
            errors=(500,),
        ),
    },
)
