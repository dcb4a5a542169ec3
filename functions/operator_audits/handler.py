"""Starts audits and repairs of what they found: POST /operator/v1/audits, …/audits/{auditID}/repair."""

from gpu_capacity.operations.api.audits import repair, start
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function("operator_audits", start_audit=start, order_repair=repair)
