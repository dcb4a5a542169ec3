"""All requests that match no operation."""

from gpu_capacity.runtime.apis.unmatched import error_shape
from gpu_capacity.runtime.functions import unmatched_function

lambda_handler = unmatched_function("reject_unknown_route", error_shape)
