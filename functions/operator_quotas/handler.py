"""Sets quotas of organizations: PUT /operator/v1/organizations/{organizationID}/quotas/{subject}."""

from gpu_capacity.operations.api.quotas import set_quota
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function("operator_quotas", set_operator_quota=set_quota)
