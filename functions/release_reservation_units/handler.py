"""POST /api/v2/reservations/{reservationID}/units/release."""

from functools import partial

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.release import release_request, released
from gpu_capacity.reservations.release_units import release_units
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Release units of a reservation."""
    wanted, organizations = call.path_parameters["reservationID"], call.values("organizationID")
    return released(
        release_units(call.services, call.caller, wanted, organizations, partial(release_request, call))
    )


lambda_handler = reservation_function("release_reservation_units", handle)
