"""Plans maintenances, changes and cancels them: /operator/v1/maintenances."""

from gpu_capacity.operations.api.maintenances import cancel, change, plan
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function(
    "operator_maintenances", plan_maintenance=plan, change_maintenance=change, cancel_maintenance=cancel
)
