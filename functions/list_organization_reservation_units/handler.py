"""GET /api/v2/organizations/{organizationID}/reservation-units."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.api.replies import unit_filter, units
from gpu_capacity.reservations.read import list_organization_reservation_units
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """List offerings with the capacity that an organization can have of them."""
    organization = call.path_parameters["organizationID"]
    wanted = unit_filter(call)
    return units(list_organization_reservation_units(call.services, call.caller, organization, wanted))


lambda_handler = reservation_function("list_organization_reservation_units", handle)
