"""GET /api/v2/reservation-units/advice."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.reservations.advice import advise
from gpu_capacity.reservations.api.advice import advice_wanted, advised
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Say what a request would get in each region."""
    organization, wanted, regions = advice_wanted(call)
    return advised(advise(call.services, call.caller, organization, wanted, regions))


lambda_handler = reservation_function("advise_reservation", handle)
