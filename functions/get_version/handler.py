"""GET /api/version."""

from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.reservations.api.replies import version
from gpu_capacity.runtime.functions import public_function

lambda_handler = public_function("get_version", ReservationErrors(), version)
