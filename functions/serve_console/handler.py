"""GET /console and /docs, and their files."""

from pathlib import Path

from gpu_capacity.reservations.api.errors import ReservationErrors
from gpu_capacity.runtime.apis.site import pages_function

lambda_handler = pages_function("serve_console", ReservationErrors(), Path(__file__).parent)
