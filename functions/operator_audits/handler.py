"""Starts audits: POST /operator/v1/audits."""

from gpu_capacity.operations.api.audits import start
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function("operator_audits", start_audit=start)
